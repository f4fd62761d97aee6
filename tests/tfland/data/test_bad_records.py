"""Bad records are found, listed and read back."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tfland.data.bad_records import (
    BadRecord,
    check_budget,
    digest_of,
    find_bad_records,
    read_bad_records,
    write_bad_records,
)
from tfland.data.records import index_split
from tfrecords_builder.terminal import CheckFailed

Shards = Callable[..., Path]
BAD = BadRecord(shard="train-00000-of-00001.tfrecord", offset=7, number=1, detail="its data are corrupt")


def test_sound_shards_have_none(make_shards: Shards) -> None:
    assert find_bad_records(index_split(make_shards(train=[0, 1, 2]), "train"), "train") == ()


def test_a_shard_that_is_cut_loses_its_last_records(make_shards: Shards) -> None:
    index = index_split(make_shards(train=[0, 1, 2], num_shards=1), "train")
    index.shards[0].write_bytes(index.shards[0].read_bytes()[: int(index.offsets[1]) + 50])
    found = find_bad_records(index, "train")
    assert [(record.number, record.offset) for record in found] == [(1, index.offsets[1]), (2, index.offsets[2])]
    assert "its data are corrupt" in found[0].detail
    assert "its length is corrupt" in found[1].detail


def test_the_budget_is_a_limit() -> None:
    check_budget((BAD,), 1)
    with pytest.raises(CheckFailed, match=r"1 bad records, data.bad_record_budget is 0; .*its data are corrupt"):
        check_budget((BAD,), 0)


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "bad_records.json"
    assert read_bad_records(path, "d") is None
    write_bad_records(path, {"train": (BAD,), "validation": ()}, "d")
    assert read_bad_records(path, "d") == {"train": (BAD,), "validation": ()}
    assert read_bad_records(path, "of other records") is None


@pytest.mark.parametrize("text", ["", "[]", '{"digest": "d"}', '{"digest": "d", "bad_records": {"train": [{}]}}'])
def test_a_damaged_list_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "bad_records.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"bad_records.json is damaged .*; remove it"):
        read_bad_records(path, "d")


def test_the_digest_is_that_of_every_split(make_shards: Shards) -> None:
    folder = make_shards(train=[0, 1], validation=[0])
    train, validation = index_split(folder, "train"), index_split(folder, "validation")
    assert digest_of({"train": train}) != digest_of({"train": train, "validation": validation})
    assert digest_of({"train": train}) != digest_of({"train": train.without([0])})
