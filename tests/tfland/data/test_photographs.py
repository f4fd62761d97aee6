"""Shards and labels are checked together, before a run begins."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tfland.config import DataConfig
from tfland.data import photographs
from tfland.data.photographs import open_photographs
from tfland.data.records import index_split
from tfrecords_builder.terminal import CheckFailed

Shards = Callable[..., Path]


def test_both_splits_are_opened(make_shards: Shards) -> None:
    folder = make_shards(train=[0, 1, 1], validation=[1, -1])
    found = open_photographs(DataConfig(shards=str(folder)))
    assert found.training_labels.tolist() == [0, 1, 1]
    assert found.validation_labels.tolist() == [1, -1]
    assert len(found.label_map) == 2


def test_without_a_validation_split_there_is_none(make_shards: Shards) -> None:
    found = open_photographs(DataConfig(shards=str(make_shards(train=[0, 1])), validation_split=None))
    assert found.validation is None
    assert len(found.validation_labels) == 0


def test_a_validation_without_landmarks_is_refused(make_shards: Shards) -> None:
    folder = make_shards(train=[0, 1], validation=[-1, -1])
    with pytest.raises(ValueError, match=r"no photograph of data.validation_split 'validation' shows a landmark"):
        open_photographs(DataConfig(shards=str(folder)))


def test_a_label_without_a_class_is_refused(make_shards: Shards) -> None:
    folder = make_shards(train=[0, 1], validation=[2, 0])
    with pytest.raises(ValueError, match=r"validation-00000.* label 2 .*classes 0 to 1"):
        open_photographs(DataConfig(shards=str(folder)))


def test_the_digest_is_that_of_labels_and_records(make_shards: Shards) -> None:
    splits = {"train": [0, 1, 1], "validation": [0]}
    first, same, other = (
        open_photographs(DataConfig(shards=str(make_shards(name, **splits))))
        for name, splits in (("a", splits), ("b", splits), ("c", {**splits, "validation": [1]}))
    )
    assert first.digest() == same.digest()
    assert first.digest() != other.digest()


def test_a_class_without_photographs_is_refused(make_shards: Shards) -> None:
    with pytest.raises(
        ValueError, match=r"class 1 \(landmark 1001\) has no photograph in data.train_split 'train' \(1 "
    ):
        open_photographs(DataConfig(shards=str(make_shards(train=[0, 2, 2])), validation_split=None))


def spoil(folder: Path, split: str, number: int) -> None:
    """Flips a bit of a record's photograph."""
    index = index_split(folder, split)
    path = index.shards[index.shard_numbers[number]]
    data = bytearray(path.read_bytes())
    data[int(index.offsets[number]) + 300] ^= 0xFF
    path.write_bytes(data)


@pytest.fixture
def spoilt(make_shards: Shards) -> Path:
    folder = make_shards(train=[0, 1, 1, 0, 1], validation=[1, 0, -1])
    spoil(folder, "train", 2)
    spoil(folder, "validation", 1)
    return folder


def test_bad_records_are_left_out_within_the_budget(spoilt: Path) -> None:
    found = open_photographs(DataConfig(shards=str(spoilt), on_bad_record="skip", bad_record_budget=2))
    assert found.training_labels.tolist() == [0, 1, 0, 1]
    assert found.validation_labels.tolist() == [1, -1]
    (bad,) = found.bad_records["train"]
    assert (bad.shard, bad.number) == ("train-00000-of-00002.tfrecord", 2)
    assert f"record at byte offset {bad.offset}: its data are corrupt" in bad.detail
    assert found.digest() == open_photographs(DataConfig(shards=str(spoilt), on_bad_record="skip")).digest()


def test_more_bad_records_than_the_budget_end_the_run(spoilt: Path) -> None:
    with pytest.raises(CheckFailed, match=r"2 bad records, data.bad_record_budget is 1; .*train-00000.* are corrupt"):
        open_photographs(DataConfig(shards=str(spoilt), on_bad_record="skip", bad_record_budget=1))


def test_what_was_found_is_written_and_spares_the_next_start_the_search(
    spoilt: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = DataConfig(shards=str(spoilt), on_bad_record="skip")
    path = tmp_path / "bad_records.json"
    first = open_photographs(config, path)
    first.write_bad_records(path)
    assert json.loads(path.read_text())["count"] == 2
    monkeypatch.setattr(photographs, "find_bad_records", lambda *_: pytest.fail("searched again"))
    assert open_photographs(config, path).digest() == first.digest()
    assert open_photographs(config, path).bad_records == first.bad_records


def test_a_split_without_a_sound_record_is_refused(make_shards: Shards) -> None:
    folder = make_shards(train=[0, 1], validation=[0])
    spoil(folder, "validation", 0)
    with pytest.raises(CheckFailed, match=r"all 1 records of split 'validation' .* are bad"):
        open_photographs(DataConfig(shards=str(folder), on_bad_record="skip"))
