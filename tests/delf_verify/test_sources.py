import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest

from delf_verify.sources import FolderSource, ShardSource, open_photographs
from tfrecords_builder.images import ImageRefused, Refusal
from tfrecords_builder.schema import Record, to_example_bytes
from tfrecords_builder.tfrecord import frame_record


def record(image_id: str, value: int) -> bytes:
    encoded = cv2.imencode(".png", np.full((20, 30, 3), value, np.uint8))[1].tobytes()
    data = Record(
        image_id=image_id, filename=f"{image_id}.jpg", encoded=encoded, height=20, width=30, label=0, landmark_id=7
    )
    return frame_record(to_example_bytes(data))


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    (tmp_path / "test-00000-of-00002.tfrecord").write_bytes(record("a", 10) + record("b", 20))
    (tmp_path / "test-00001-of-00002.tfrecord").write_bytes(record("c", 30))
    return tmp_path


def test_shards_are_read_by_id(shards: Path) -> None:
    source = pickle.loads(pickle.dumps(open_photographs(f"{shards}/test-*.tfrecord")))  # noqa: S301
    assert [int(source.read(name).mean()) for name in "cab"] == [30, 10, 20]
    with pytest.raises(ImageRefused, match="none of the 3 records is 'd'") as refused:
        source.read("d")
    assert refused.value.reason is Refusal.MISSING


def test_our_frames_are_tensorflows() -> None:
    """The masked CRC of 8 zero bytes, as TFRecordWriter writes it for an empty record."""
    assert frame_record(b"")[8:12] == bytes.fromhex("29039807")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda data: data[:-1], "byte 0: the file ends within a record"),
        (lambda data: data[:5], "byte 0: the file ends within a record"),
        (lambda data: data[:40] + bytes([data[40] ^ 1]) + data[41:], "byte 0: the CRC of its"),
        (lambda data: b"\xff" + data[1:], "byte 0: the CRC of its length"),
        (lambda data: data + data, "photograph 'a' occurs twice"),
    ],
)
def test_damaged_shards_are_refused(tmp_path: Path, damage, message: str) -> None:
    path = tmp_path / "test-00000-of-00001.tfrecord"
    path.write_bytes(damage(record("a", 1)))
    with pytest.raises(ValueError, match=message):
        ShardSource([path])


def test_folders(tmp_path: Path) -> None:
    (tmp_path / "a" / "b" / "c").mkdir(parents=True)
    cv2.imwrite(str(tmp_path / "a" / "b" / "c" / "abcd.jpg"), np.zeros((20, 30, 3), np.uint8))
    source = open_photographs(str(tmp_path))
    assert source == FolderSource(tmp_path)
    assert source.read("abcd").shape == (20, 30, 3)
    with pytest.raises(ImageRefused, match="missing"):
        source.read("abce")
    with pytest.raises(ValueError, match="cannot be a file name"):
        source.read("../abcd")


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"neither a folder nor a pattern of \.tfrecord files"):
        open_photographs(str(tmp_path / "nowhere*"))
    with pytest.raises(FileNotFoundError, match="no folder of photographs"):
        FolderSource(tmp_path / "nowhere")
