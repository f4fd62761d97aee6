"""Records are found by number; a missing, exchanged or corrupt file is named."""

from pathlib import Path

import numpy as np
import pytest

from tfland.data.records import index_split, read_record
from tfrecords_builder.terminal import CheckFailed


@pytest.fixture
def folder(make_shards) -> Path:  # type: ignore[no-untyped-def]
    return make_shards(train=[0, 1, 2, 0, 1])


def test_every_record_is_found_by_its_number(folder: Path) -> None:
    index = index_split(folder, "train")
    assert len(index) == 5
    assert index.shard_numbers.tolist() == [0, 0, 0, 1, 1]
    assert [read_record(index, n).image_id for n in range(5)] == [f"train{n:04d}" for n in range(5)]


def test_the_digest_changes_with_the_data(folder: Path, make_shards) -> None:  # type: ignore[no-untyped-def]
    other = make_shards("other", train=[0, 1, 2, 0, 1, 2])
    assert index_split(folder, "train").digest() == index_split(folder, "train").digest()
    assert index_split(folder, "train").digest() != index_split(other, "train").digest()


def test_a_missing_split_is_named_with_those_that_exist(folder: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no shards of split 'test' in .*; it has \['train'\]"):
        index_split(folder, "test")


def test_a_missing_shard_is_named(folder: Path) -> None:
    (folder / "train-00000-of-00002.tfrecord").unlink()
    with pytest.raises(FileNotFoundError, match=r"train-00000-of-00002.tfrecord is missing \(1 of 2\)"):
        index_split(folder, "train")


def test_two_builds_in_one_folder_are_refused(folder: Path) -> None:
    (folder / "train-00000-of-00003.tfrecord").write_bytes(b"")
    with pytest.raises(ValueError, match=r"mixes builds of split 'train' with \[2, 3\] shards"):
        index_split(folder, "train")


def test_missing_offsets_are_named(folder: Path) -> None:
    (folder / "train-00001-of-00002.tfrecord.offsets.npy").unlink()
    with pytest.raises(FileNotFoundError, match=r"00001-of-00002.tfrecord.offsets.npy is missing"):
        index_split(folder, "train")


@pytest.mark.parametrize("damage", ["cut", "cut to nothing", "grown", "exchanged offsets", "other type"])
def test_offsets_that_do_not_fit_their_shard_are_refused(folder: Path, damage: str) -> None:
    shard = folder / "train-00000-of-00002.tfrecord"
    offsets = folder / "train-00000-of-00002.tfrecord.offsets.npy"
    if damage == "cut":
        shard.write_bytes(shard.read_bytes()[:-10])
    elif damage == "cut to nothing":
        shard.write_bytes(b"")
    elif damage == "grown":
        shard.write_bytes(shard.read_bytes() + b"more")
    elif damage == "exchanged offsets":
        offsets.write_bytes((folder / "train-00001-of-00002.tfrecord.offsets.npy").read_bytes())
    else:
        np.save(offsets, np.load(offsets).astype(np.float64))
    with pytest.raises(ValueError, match=r"offsets.npy (does not fit train-00000|holds float64 \[3\], expected)"):
        index_split(folder, "train")


def test_a_split_without_records_is_refused(make_shards) -> None:  # type: ignore[no-untyped-def]
    folder = make_shards(train=[0, 1], empty=[])
    with pytest.raises(ValueError, match=r"2 shards of split 'empty' in .* hold no record"):
        index_split(folder, "empty")


@pytest.mark.parametrize(("byte", "message"), [(4, "its length is corrupt"), (300, "its data are corrupt")])
def test_a_corrupt_record_names_shard_and_offset(folder: Path, byte: int, message: str) -> None:
    index = index_split(folder, "train")
    shard, start = index.shards[0], int(index.offsets[1])
    data = bytearray(shard.read_bytes())
    data[start + byte] ^= 0xFF
    shard.write_bytes(data)
    assert read_record(index, 0).label == 0
    with pytest.raises(CheckFailed, match=rf"train-00000-of-00002.tfrecord, record at byte offset {start}: {message}"):
        read_record(index, 1)


def test_records_can_be_left_out(folder: Path) -> None:
    index = index_split(folder, "train").without([0, 3])
    assert [read_record(index, n).image_id for n in range(len(index))] == ["train0001", "train0002", "train0004"]
