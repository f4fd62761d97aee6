import hashlib
from dataclasses import replace

import pytest

from tfrecords_builder.image_limits import DEFAULT_LIMITS
from tfrecords_builder.manifest import RefusedImage
from tfrecords_builder.resizing import ResizeMode
from tfrecords_builder.schema import from_example_bytes, offsets_name
from tfrecords_builder.shard_writer import ShardTask, write_shard
from tfrecords_builder.tfrecord import read_offsets, scan_records

NAME = "train-00000-of-00001.tfrecord"


@pytest.fixture
def task(tmp_path, scene, encode, store) -> ShardTask:
    """Four photographs: a kept one, a missing one, an empty one, a PNG that must be shrunk."""
    images = tmp_path / "images"
    store(images, "aaaa", encode(scene(20, 30)))
    store(images, "cccc", b"")
    (images / "dddd.jpg").write_bytes(encode(scene(60, 40), "PNG"))
    return ShardTask(
        name=NAME,
        out=tmp_path,
        images=images,
        image_ids=["dddd", "bbbb", "aaaa", "cccc"],
        landmark_ids=[70, 70, 10, 10],
        labels=[1, 1, 0, 0],
        max_side=30,
        resize=ResizeMode.LONGEST,
        quality=95,
        limits=DEFAULT_LIMITS,
    )


def test_a_lost_image_folder_is_an_error_and_leaves_nothing(task, tmp_path):
    lost = replace(task, images=tmp_path / "lost", out=tmp_path / "out")
    with pytest.raises(FileNotFoundError, match=r"the image folder .*lost has vanished; bring it back and run"):
        write_shard(lost, ignore)
    (tmp_path / "lost").mkdir()  # as a mount point without its disk
    with pytest.raises(FileNotFoundError, match="has vanished"):
        write_shard(lost, ignore)
    assert list((tmp_path / "out").iterdir()) == []


def ignore(done: int, refused: int) -> None:
    pass


def test_records_are_in_order_and_complete(task, tmp_path):
    write_shard(task, ignore)
    first, second = (from_example_bytes(frame.data) for frame in scan_records(tmp_path / NAME))
    assert (first.image_id, first.filename, first.label, first.landmark_id) == ("dddd", "dddd.jpg", 1, 70)
    assert (first.height, first.width) == (30, 20)
    assert (second.image_id, second.filename, second.label) == ("aaaa", "a/a/a/aaaa.jpg", 0)
    assert second.encoded == (task.images / "a/a/a/aaaa.jpg").read_bytes()


def test_refusals_are_typed_and_counted(task):
    ticks = []
    result = write_shard(task, lambda done, refused: ticks.append((done, refused)))
    assert result.refused == (
        RefusedImage(id="bbbb", reason="missing", detail="neither b/b/b/bbbb.jpg nor bbbb.jpg in the image folder"),
        RefusedImage(id="cccc", reason="empty", detail="0 bytes"),
    )
    assert ticks == [(1, 0), (1, 1), (1, 0), (1, 1)]


def test_the_entry_describes_the_file(task, tmp_path):
    entry = write_shard(task, ignore).entry
    data = (tmp_path / NAME).read_bytes()
    assert (entry.name, entry.records, entry.refused) == (NAME, 2, 2)
    assert (entry.size_bytes, entry.sha256) == (len(data), hashlib.sha256(data).hexdigest())


def test_offsets_find_every_record(task, tmp_path):
    write_shard(task, ignore)
    offsets = read_offsets(tmp_path / offsets_name(NAME))
    assert offsets.tolist() == [frame.offset for frame in scan_records(tmp_path / NAME)]


def test_a_shard_may_be_empty(task, tmp_path):
    from dataclasses import replace

    result = write_shard(replace(task, image_ids=[], landmark_ids=[], labels=[]), ignore)
    assert result.entry.records == 0
    assert (tmp_path / NAME).read_bytes() == b""
    assert read_offsets(tmp_path / offsets_name(NAME)).tolist() == []


def test_an_error_leaves_no_part_of_a_shard(task, tmp_path):
    def stop(done: int, refused: int) -> None:
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        write_shard(task, stop)
    assert [path.name for path in tmp_path.iterdir()] == ["images"]
