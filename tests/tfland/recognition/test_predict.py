"""Predictions are complete, in order, and name what could not be read."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from delf_verify.sources import FolderSource, ShardSource
from tfland.recognition.predict import predict, predict_to_file
from tfland.recognition.system import System
from tfrecords_builder.catalog import read_candidates, read_submission
from tfrecords_builder.config import BuildConfig
from tfrecords_builder.shards import build_shards
from tfrecords_builder.terminal import Refused

Photographs = tuple[Path, list[str]]


def test_candidates_are_complete_and_ranked(system: System, photographs: Photographs, tmp_path: Path) -> None:
    folder, ids = photographs
    made = predict(system, ids, FolderSource(folder), tmp_path, candidates=3)
    assert made.candidates["id"].tolist() == [name for name in ids for _ in range(3)]
    assert not made.refused
    for _, rows in made.candidates.groupby("id"):
        assert sorted(rows["landmark_id"]) == [5, 70, 900]
        assert rows["score"].is_monotonic_decreasing
        assert rows["score"].sum() == pytest.approx(1, abs=1e-5)


def test_threads_do_not_matter(system: System, photographs: Photographs, tmp_path: Path) -> None:
    folder, ids = photographs
    first, second = (
        predict(system, ids, FolderSource(folder), tmp_path / str(n), threads=n).candidates for n in (1, 3)
    )
    assert first.equals(second)


def test_files(system: System, photographs: Photographs, tmp_path: Path) -> None:
    folder, ids = photographs
    source = FolderSource(folder)
    predict_to_file(system, ids, source, tmp_path / "p.csv")
    predict_to_file(system, ids, source, tmp_path / "c.csv", candidates=2)
    best = read_submission(tmp_path / "p.csv")
    assert best["id"].tolist() == ids
    assert read_candidates(tmp_path / "c.csv").iloc[::2]["landmark_id"].tolist() == best["landmark_id"].tolist()
    assert (tmp_path / "p.refused.csv").read_text() == "id,reason,detail\n"


def test_unreadable_photographs_are_listed_and_predicted_empty(system: System, tmp_path: Path) -> None:
    folder = tmp_path / "photographs"
    folder.mkdir()
    cv2.imwrite(str(folder / "good.jpg"), np.full((40, 40, 3), 90, np.uint8))
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "text.jpg").write_text("no image")
    (folder / "cut.jpg").write_bytes((folder / "good.jpg").read_bytes()[:300])
    ids = ["gone", "empty", "good", "text", "cut"]
    with pytest.raises(Refused, match="4 of 5 photographs could not be read"):
        predict_to_file(system, ids, FolderSource(folder), tmp_path / "p.csv")
    lines = (tmp_path / "p.csv").read_text().splitlines()
    assert [line for line in lines if line.endswith(",")] == ["gone,", "empty,", "text,", "cut,"]
    reasons = [line.split(",")[:2] for line in (tmp_path / "p.refused.csv").read_text().splitlines()[1:]]
    assert reasons[:2] == [["gone", "missing"], ["empty", "empty"]]
    assert dict(reasons)["text"] == "not_an_image"


def test_shards_give_the_same_predictions_as_the_folder(
    system: System, photographs: Photographs, tmp_path: Path
) -> None:
    folder, ids = photographs
    (tmp_path / "t.csv").write_text("id,landmark_id\n" + "".join(f"{name},5\n" for name in ids))
    build_shards(BuildConfig(csv=tmp_path / "t.csv", images=folder, out=tmp_path / "shards", num_shards=2))
    source = ShardSource(sorted((tmp_path / "shards").glob("*.tfrecord")))
    assert sorted(source.image_ids) == ids
    first, second = (
        predict(system, ids, where, tmp_path / str(n)).candidates
        for n, where in enumerate((FolderSource(folder), source))
    )
    assert first.equals(second)


@pytest.mark.parametrize("options", [{"candidates": 0}, {"threads": 0}])
def test_bad_options(system: System, photographs: Photographs, options: dict, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="give at least 1 of each"):
        predict(system, photographs[1], FolderSource(photographs[0]), tmp_path, **options)
