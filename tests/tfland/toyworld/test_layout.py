import csv
from pathlib import Path

import cv2
import pytest

from tfland.toyworld import ToyworldConfig
from tfland.toyworld.catalogue import TEST, plan
from tfland.toyworld.layout import image_path, is_whole


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_tables_and_photographs_agree(tiny_root: Path) -> None:
    train = rows(tiny_root / "train.csv")
    names = rows(tiny_root / "train_label_to_category.csv")
    assert list(train[0]) == ["id", "landmark_id"]
    assert list(names[0]) == ["landmark_id", "category"]
    assert len(train) == 27
    assert {row["landmark_id"] for row in train} == {row["landmark_id"] for row in names}
    tables = {"train": "train.csv", "test": "test.csv", "validation": "validation.csv"}
    for split, table in tables.items():
        ids = [row["id"] for row in rows(tiny_root / table)]
        files = {path.stem: path for path in (tiny_root / split).rglob("*.jpg")}
        assert sorted(ids) == sorted(files)
        assert len(set(ids)) == len(ids)
        for name, path in files.items():
            assert path == tiny_root / split / name[0] / name[1] / name[2] / f"{name}.jpg"
            assert max(cv2.imread(str(path)).shape) == 48


@pytest.mark.parametrize(("table", "solution"), [("test", "solution"), ("validation", "validation_solution")])
def test_solutions(tiny_root: Path, table: str, solution: str) -> None:
    answers = rows(tiny_root / f"{solution}.csv")
    known = {row["landmark_id"] for row in rows(tiny_root / "train.csv")}
    assert list(answers[0]) == ["id", "landmarks", "Usage"]
    assert [row["id"] for row in answers] == [row["id"] for row in rows(tiny_root / f"{table}.csv")]
    assert {row["landmarks"] for row in answers} - {""} <= known
    assert sum(row["landmarks"] == "" for row in answers) == round(0.5 * len(answers))
    assert {row["Usage"] for row in answers} == {"Public", "Private"}


def test_the_ground_floor_reads_the_tables(tiny_root: Path) -> None:
    catalog = pytest.importorskip("tfrecords_builder.catalog", reason="catalog is not there yet")
    assert len(catalog.read_photographs(tiny_root / "train.csv")) == 27
    assert len(catalog.read_photographs(tiny_root / "test.csv")) == 14
    assert len(catalog.read_solution(tiny_root / "validation_solution.csv")) == 7


def test_only_whole_files_count(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    assert not is_whole(path)
    for content, whole in ((b"", False), (b"\xff\xd8\xff", False), (b"\xff\xd8abc\xff\xd9", True)):
        path.write_bytes(content)
        assert is_whole(path) is whole
    assert not is_whole(tmp_path)


def test_paths_follow_the_ids(tiny_config: ToyworldConfig) -> None:
    shot = plan(tiny_config)[TEST][0]
    path = image_path(Path("root"), shot)
    assert path.parts[:2] == ("root", "test")
    assert path.name == f"{shot.image_id}.jpg"
