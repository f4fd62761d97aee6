from pathlib import Path

import pandas as pd
import pytest

from tfrecords_builder.split_files import divide, read_duplicates, split_by_file
from tfrecords_builder.splits import ONLY_TRAIN, parse_plan


@pytest.fixture
def photographs() -> pd.DataFrame:
    return pd.DataFrame({"id": list("abcdef"), "landmark_id": [1, 1, 1, 2, 2, 2]})


@pytest.fixture
def file(tmp_path):
    def write(content: str) -> Path:
        path = tmp_path / "table.csv"
        path.write_text(content)
        return path

    return write


def test_parts_from_a_file(photographs, file):
    path = file("id,split\nf,test\na,train\nb,train\nc,dev\nd,train\ne,test\nunknown,train\n")
    parts = divide(photographs, ONLY_TRAIN, 0, split_file=path)
    assert {name: rows["id"].tolist() for name, rows in parts.items()} == {
        "train": ["a", "b", "d"],
        "dev": ["c"],
        "test": ["e", "f"],
    }
    assert list(parts) == ["train", "dev", "test"]
    assert parts["test"].index.tolist() == [0, 1]


def test_what_a_split_wrote_can_be_given_back(photographs, file):
    parts = divide(photographs, parse_plan([], folds=3), 5)
    lines = [f"{image},{name}" for name, rows in parts.items() for image in rows["id"]]
    again = split_by_file(photographs, file("\n".join(["id,split", *lines]) + "\n"))
    assert all(again[name].equals(rows) for name, rows in parts.items())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("id,split\na,train\n", "has no split for 5 of 6 photographs, the first is 'b'"),
        ("id,part\na,train\n", "has no column split"),
        ("id,split\na,train\na,test\n", "line 3: id 'a' is already on line 2"),
        ("id,split\n../x,train\n", "line 2: id '../x' cannot be a file name"),
        ("id,split\na,train\nb,../../x\n", "line 3: split name '../../x': use lower-case letters"),
        ("id,split\na,\n", "line 2: split name '': use lower-case"),
        ("id,split\n" + "".join(f"p{n},s{n}\n" for n in range(101)), "names 101 splits, at most 100"),
    ],
)
def test_bad_files_are_refused(photographs, file, content, message):
    with pytest.raises(ValueError, match=message):
        split_by_file(photographs, file(content))


def test_a_file_and_a_plan_are_one_too_many(photographs, file):
    with pytest.raises(ValueError, match="and parts train, test: a catalogue is divided in one way"):
        divide(photographs, parse_plan(["test=0.5"]), 0, split_file=file("id,split\n"))


def test_duplicates(photographs, file):
    groups = read_duplicates(file("id,group\nf,x\na,x\nb,y\nelsewhere,y\nc,z\nd,z\n"), photographs)
    assert groups[0] == groups[5] != -1
    assert groups[2] == groups[3] != -1
    assert groups[[1, 4]].tolist() == [-1, -1]  # the other photograph of group y is not in the catalogue


def test_no_duplicates(photographs, file):
    assert (read_duplicates(file("id,group\n"), photographs) == -1).all()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("id\na\n", "has no column group"),
        ("id,group\na,1\na,2\n", "line 3: id 'a' is already on line 2"),
        ("id,group\n/etc/passwd,1\n", "line 2: id '/etc/passwd' cannot be a file name"),
    ],
)
def test_bad_duplicates_are_refused(photographs, file, content, message):
    with pytest.raises(ValueError, match=message):
        read_duplicates(file(content), photographs)


def test_duplicates_stay_together(photographs, tmp_path):
    (tmp_path / "groups.csv").write_text("id,group\na,1\nf,1\nb,1\n")
    parts = divide(photographs, parse_plan([], folds=2), 0, duplicates=tmp_path / "groups.csv")
    assert any({"a", "b", "f"} <= set(rows["id"]) for rows in parts.values())


def test_a_file_that_divides_duplicates_is_refused(photographs, tmp_path):
    (tmp_path / "split.csv").write_text("id,split\na,train\nb,train\nc,train\nd,test\ne,test\nf,test\n")
    (tmp_path / "groups.csv").write_text("id,group\na,1\nb,1\nc,2\nd,2\n")
    with pytest.raises(ValueError, match="divides 1 groups of near-duplicates, such as c in train and d in test"):
        divide(photographs, ONLY_TRAIN, 0, split_file=tmp_path / "split.csv", duplicates=tmp_path / "groups.csv")
