"""Photographs of a folder and of shards, by number."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tfland.recognition.embed_sources import CatalogPhotographs, ShardPhotographs
from tfrecords_builder.config import BuildConfig
from tfrecords_builder.images import ImageRefused
from tfrecords_builder.shards import build_shards
from tfrecords_builder.terminal import CheckFailed

Folder = tuple[Path, list[str]]


@pytest.fixture
def build(photographs: Folder, tmp_path: Path) -> Callable[..., Path]:
    """A function that builds shards of the photographs, landmark = number modulo 3."""

    def make(name: str = "build", num_shards: int = 3) -> Path:
        folder, ids = photographs
        csv = tmp_path / "all.csv"
        csv.write_text("id,landmark_id\n" + "".join(f"{one},{number % 3}\n" for number, one in enumerate(ids)))
        build_shards(BuildConfig(csv=csv, images=folder, out=tmp_path / name, num_shards=num_shards))
        return tmp_path / name

    return make


def test_shards_hold_what_the_folder_holds(photographs: Folder, build: Callable[..., Path], tmp_path: Path) -> None:
    folder = build()
    listed = CatalogPhotographs(tmp_path / "all.csv", photographs[0])
    records = ShardPhotographs(str(folder / "train-*.tfrecord"))
    assert len(listed) == len(records) == 40
    by_id = {one.image_id: one for one in (records.read(number) for number in range(40))}
    for number in range(40):
        one = listed.read(number)
        other = by_id[one.image_id]
        assert (other.landmark_id, one.landmark_id) == (number % 3, number % 3)
        assert isinstance(one.pixels, np.ndarray) and isinstance(other.pixels, np.ndarray)
        assert (one.pixels == other.pixels).all()


def test_shards_without_offsets_in_delfs_form(build: Callable[..., Path]) -> None:
    folder = build()
    ids = [ShardPhotographs(str(folder / "train-*.tfrecord")).read(number).image_id for number in range(40)]
    for shard in folder.glob("*.tfrecord"):
        shard.rename(shard.with_suffix(""))
    bare = ShardPhotographs(str(folder / "train-*-of-*"))
    assert [bare.read(number).image_id for number in range(40)] == ids


def test_digests_tell_photographs_apart(photographs: Folder, build: Callable[..., Path], tmp_path: Path) -> None:
    first = ShardPhotographs(str(build() / "train-*.tfrecord")).digest()
    assert ShardPhotographs(str(build("again") / "train-*.tfrecord")).digest() == first
    assert ShardPhotographs(str(build("other", 2) / "train-*.tfrecord")).digest() != first
    digests = set()
    for text in ("id\na\nb\n", "id\nb\na\n", "id,landmark_id\na,1\nb,2\n", "id,landmark_id\na,1\nb,3\n"):
        (tmp_path / "some.csv").write_text(text)
        digests.add(CatalogPhotographs(tmp_path / "some.csv", photographs[0]).digest())
    assert len(digests) == 4


def test_missing_and_broken_photographs_are_refusals(tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("no image")
    (tmp_path / "some.csv").write_text("id,landmark_id\ntext,1\ngone,2\n")
    source = CatalogPhotographs(tmp_path / "some.csv", tmp_path)
    reasons = [one.pixels.reason.value for one in map(source.read, range(2)) if isinstance(one.pixels, ImageRefused)]
    assert reasons == ["not_an_image", "missing"]


def test_what_is_not_there(build: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no shards fit"):
        ShardPhotographs(str(tmp_path / "train-*.tfrecord"))
    (tmp_path / "some.csv").write_text("id\na\n")
    with pytest.raises(FileNotFoundError, match="no folder of photographs"):
        CatalogPhotographs(tmp_path / "some.csv", tmp_path / "absent")
    (tmp_path / "train-00000-of-00001.tfrecord").write_bytes(b"")
    with pytest.raises(ValueError, match=r"the 1 shards of .* hold no record"):
        ShardPhotographs(str(tmp_path / "train-*.tfrecord"))


def test_a_corrupt_record_is_named(build: Callable[..., Path]) -> None:
    folder = build(num_shards=1)
    (shard,) = folder.glob("*.tfrecord")
    data = bytearray(shard.read_bytes())
    data[200] ^= 255
    shard.write_bytes(data)
    source = ShardPhotographs(str(shard))
    with pytest.raises(CheckFailed, match=r"train-00000-of-00001.tfrecord, record at byte offset 0: the CRC"):
        source.read(0)
    source.read(1)
    shard.write_bytes(data[:100])
    with pytest.raises(ValueError, match="does not fit"):
        ShardPhotographs(str(shard))
