"""The confusion matrix as a picture (seed 002, figure 6): class by class for a few, by class size for thousands."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tfland.metrics.classification import confusion_matrix
from tfland.metrics.figures import CELLS, DARK, new_figure, save
from tfland.metrics.judged import Judged
from tfland.metrics.plots import classes, size_edges
from tfrecords_builder.schema import LANDMARK, NO_LANDMARK_ID

MOST_CLASSES = 40
_TABLE_ROWS = 20
_SIZE_BINS = 8


def plot_confusions(path: Path, judged: Judged, confused: pd.DataFrame, sizes: pd.Series, *, unit: str) -> None:
    """Writes a PNG: the matrix of up to 40 classes, or that of class sizes beside the largest confusions.

    Args:
        path: the file.
        judged: the predictions.
        confused: of `tfland.metrics.classification.confusions`.
        sizes: int, indexed by landmark: the size of the classes, by which they are sorted or binned.
        unit: what the size counts.
    """
    shown = np.unique(judged.shown[judged.shows])
    if len(shown) <= MOST_CLASSES:
        order = np.lexsort((shown, -sizes.reindex(shown, fill_value=0).to_numpy()))
        _plot_classes(path, judged, shown[order], unit)
    else:
        _plot_sizes(path, judged, confused, sizes, unit)


def _plot_classes(path: Path, judged: Judged, landmark_ids: np.ndarray, unit: str) -> None:
    """One row and column a class."""
    counts = confusion_matrix(judged, landmark_ids)
    rows = [str(mark) for mark in landmark_ids] + ["no landmark"]
    columns = [str(mark) for mark in landmark_ids] + ["another landmark", "nothing"]
    used_rows = [place for place in range(len(rows)) if place < len(landmark_ids) or counts[place].any()]
    used_columns = [place for place in range(len(columns)) if place < len(landmark_ids) or counts[:, place].any()]
    counts = counts[np.ix_(used_rows, used_columns)]
    side = 3.2 + 0.3 * len(used_columns)
    figure, (axes,) = new_figure(width=side + 0.6, height=side - 0.4)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    _cells(figure, axes, shares, [rows[place] for place in used_rows], [columns[place] for place in used_columns])
    _write(axes, shares, np.where(counts > 0, counts.astype(str), ""))
    axes.set(xlabel="predicted", ylabel=f"shown (most {unit} first)")
    axes.set_title(f"{classes(len(landmark_ids))}, {int(counts.sum()):,} queries (the numbers)", loc="left")
    save(figure, path)


def _plot_sizes(path: Path, judged: Judged, confused: pd.DataFrame, sizes: pd.Series, unit: str) -> None:
    """One row and column a range of class sizes, and a table of the largest confusions."""
    figure, (axes, listed) = new_figure(2, width=7.0, height=5.6, ratios=(1.5, 1))
    shares, rows, columns = _by_size(judged, sizes)
    _cells(figure, axes, shares, rows, columns)
    texts = np.array([[f"{100 * share:.0f}" if share >= 0.005 else "" for share in line] for line in shares])
    _write(axes, shares, texts)
    axes.set(xlabel=f"predicted: the right landmark, or another one of so many {unit}")
    axes.set_ylabel(f"shown: a landmark of so many {unit}")
    count = len(np.unique(judged.shown[judged.shows]))
    axes.set_title(f"{classes(count)} by size, per cent of a row's queries", loc="left")
    listed.axis("off")
    listed.set_title(f"The {min(len(confused), _TABLE_ROWS)} largest of {len(confused):,} confusions", loc="left")
    _table(listed, confused.head(_TABLE_ROWS))
    save(figure, path)


def _by_size(judged: Judged, sizes: pd.Series) -> tuple[np.ndarray, list[str], list[str]]:
    """Returns shares [R, R + 2] of right, other by size and nothing for each range of sizes, and their names."""
    predicted = judged.predicted[judged.shows]
    shown = judged.shown[judged.shows]
    size_shown, size_predicted = (sizes.reindex(marks, fill_value=0).to_numpy() for marks in (shown, predicted))
    edges = size_edges(
        np.concatenate([size_shown, size_predicted[predicted != NO_LANDMARK_ID]]).clip(min=1), _SIZE_BINS
    )
    bins = len(edges) - 1
    rows = np.digitize(size_shown.clip(min=1), edges) - 1
    columns = np.digitize(size_predicted.clip(min=1), edges)
    columns[predicted == shown] = 0
    columns[predicted == NO_LANDMARK_ID] = bins + 1
    counts = np.bincount(rows * (bins + 2) + columns, minlength=bins * (bins + 2)).reshape(bins, bins + 2)
    firsts, lasts = (edges[:-1] + 0.5).astype(int), (edges[1:] - 0.5).astype(int)
    if not (size_shown.all() and size_predicted[predicted != NO_LANDMARK_ID].all()):
        firsts[0] = 0  # landmarks of which nothing is known lie in the first bin
    names = [f"{a:,}" if a == b else f"{a:,}–{b:,}" for a, b in zip(firsts, lasts, strict=True)]
    used = counts.any(axis=1)
    shares = counts[used] / counts[used].sum(axis=1, keepdims=True)
    labels = [
        f"{name}  ({int(total):,} queries)"
        for name, total in zip(np.array(names)[used], counts[used].sum(axis=1), strict=True)
    ]
    return shares, labels, ["right", *names, "nothing"]


def _cells(figure: Any, axes: Any, shares: np.ndarray, rows: list[str], columns: list[str]) -> None:
    from matplotlib.colors import PowerNorm

    # The square root: confusions of a few per cent are what one looks for.
    picture = axes.imshow(shares, cmap=CELLS, norm=PowerNorm(0.5, vmin=0, vmax=1), aspect="auto")
    axes.spines[:].set_visible(False)
    axes.set_xticks(range(len(columns)), columns, rotation=90 if len(columns) > 8 else 45, fontsize=8)
    axes.set_yticks(range(len(rows)), rows, fontsize=8)
    axes.set_xticks(np.arange(len(columns) + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(len(rows) + 1) - 0.5, minor=True)
    # White lines part the cells.
    axes.grid(which="minor", color="white", linewidth=1)
    axes.tick_params(which="both", length=0)
    figure.colorbar(picture, ax=axes, label="share of the row", pad=0.01, fraction=0.04)


def _write(axes: Any, shares: np.ndarray, texts: np.ndarray) -> None:
    for (row, column), text in np.ndenumerate(texts):
        colour = "white" if shares[row, column] > 0.3 else DARK
        axes.text(column, row, text, ha="center", va="center", fontsize=8, color=colour)


def _table(axes: Any, confused: pd.DataFrame) -> None:
    if confused.empty:
        axes.text(0, 0.95, "none", transform=axes.transAxes, va="top")
        return
    cells = [
        [f"{mark}", f"{taken}", f"{queries:,}", f"{share:.1%}"]
        for mark, taken, queries, share in confused[[LANDMARK, "predicted_id", "queries", "share"]].itertuples(
            index=False, name=None
        )
    ]
    names = ["shown", "taken for", "queries", "of its queries"]
    drawn = axes.table(cells, colLabels=names, loc="upper left", cellLoc="right", edges="horizontal")
    drawn.auto_set_font_size(False)
    drawn.set_fontsize(8)
    drawn.scale(1, 1.25)
    for cell in drawn.get_celld().values():
        cell.set_edgecolor("#d5d9de")
