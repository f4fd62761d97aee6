"""Plots are written and show something; their look is checked by eye."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from tfland.metrics import confusion_plots, plots
from tfland.metrics.classification import class_scores, confusions
from tfland.metrics.compare import changes, count_changes
from tfland.metrics.judged import Judged, judge


def plot_all(folder: Path, judged: Judged) -> dict[str, np.ndarray]:
    folder.mkdir(exist_ok=True)
    table = class_scores(judged).table()
    shown = table[table["queries"] > 0]
    f1, sizes = shown["f1"].to_numpy(), shown["queries"].to_numpy()
    by_landmark = pd.Series(sizes, index=shown["landmark_id"])
    plots.plot_f1_histogram(folder / "histogram.png", f1)
    plots.plot_f1_by_size(folder / "size.png", f1, sizes, unit="queries")
    plots.plot_precision_by_rank(folder / "precision.png", {"a": judged, "b": judged})
    plots.plot_changes(folder / "changes.png", count_changes(changes(judged, judged)), ("a", "b"))
    confusion_plots.plot_confusions(folder / "confusions.png", judged, confusions(judged), by_landmark, unit="queries")
    return {path.name: cv2.imread(str(path)) for path in sorted(folder.glob("*.png"))}


@pytest.mark.parametrize(("queries", "classes"), [(60, 5), (3, 1), (900, 200)])
def test_all_are_pictures_with_something_on_them(
    tmp_path: Path, make_case: Callable, queries: int, classes: int
) -> None:
    pictures = plot_all(tmp_path, judge(*make_case(1, queries=queries, classes=classes)))
    assert len(pictures) == 5
    for name, picture in pictures.items():
        assert min(picture.shape[:2]) > 250, name
        assert (picture < 128).any(axis=2).mean() > 0.002, name


def test_no_predictions(tmp_path: Path, make_case: Callable) -> None:
    predictions, truth = make_case(1)
    empty = type(predictions)(ids=predictions.ids[:0], landmark_ids=predictions.landmark_ids[:0], scores=np.array([]))
    assert len(plot_all(tmp_path, judge(empty, truth))) == 5


def test_thousands_of_classes_are_a_density(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    sizes = rng.integers(0, 5000, 3000)
    plots.plot_f1_by_size(tmp_path / "size.png", rng.random(3000), sizes, unit="training photographs")
    assert cv2.imread(str(tmp_path / "size.png")) is not None


@pytest.mark.parametrize("sizes", [[1], [3, 3, 3], [1, 2, 3, 1000], list(range(1, 6273))])
def test_every_size_has_a_bin(sizes: list[int]) -> None:
    edges = plots.size_edges(np.array(sizes))
    assert (np.diff(edges) >= 1).all()
    assert edges[0] < min(sizes)
    assert edges[-1] > max(sizes)
    assert len(edges) <= 13


def test_shares_by_size_add_up(make_case: Callable) -> None:
    judged = judge(*make_case(2, queries=2000, classes=300))
    sizes = pd.Series(np.random.default_rng(0).integers(1, 500, 200), index=range(200))  # some classes are unknown
    shares, rows, columns = confusion_plots._by_size(judged, sizes)
    assert shares.shape == (len(rows), len(columns))
    assert shares.sum(axis=1) == pytest.approx(1)
    assert rows[0].startswith("0–")
    weights = np.array([int(row.split("(")[1].split()[0].replace(",", "")) for row in rows])
    assert (shares[:, 0] * weights).sum() == pytest.approx(judged.right.sum())
    assert (shares[:, -1] * weights).sum() == pytest.approx((judged.predicted[judged.shows] == -1).sum())
