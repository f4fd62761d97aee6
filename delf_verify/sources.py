"""Where photographs come from: a folder, or TFRecord shards that `tfland build shards` wrote."""

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import google_crc32c
import numpy as np
from numpy.typing import NDArray

from tfrecords_builder.images import ImageRefused, Refusal, decode_image, locate, read_image
from tfrecords_builder.schema import Record, from_example_bytes

# A TFRecord frame: length (uint64), its masked CRC, the data, their masked CRC
# (tensorflow/core/lib/io/record_writer.h).
_LENGTH = struct.Struct("<QI")
_CHECKSUM = struct.Struct("<I")
_MAX_RECORD_BYTES = 2**30


class PhotographSource(Protocol):
    """Photographs by id; must survive pickling, since worker processes read from it."""

    def read(self, image_id: str) -> NDArray[np.uint8]:
        """The photograph [H, W, 3] uint8 RGB, upright.

        Raises:
            ImageRefused: it is missing or cannot be read.
            ValueError: the id cannot be a file name.
        """
        ...


@dataclass(frozen=True)
class FolderSource:
    """A folder with `a/b/c/abc….jpg` or `abc….jpg`.

    Attributes:
        root: the folder.

    Raises:
        FileNotFoundError: there is no such folder.
    """

    root: Path

    def __post_init__(self) -> None:
        if not self.root.is_dir():
            raise FileNotFoundError(f"no folder of photographs at {self.root}")

    def read(self, image_id: str) -> NDArray[np.uint8]:
        """See `PhotographSource.read`."""
        return read_image(locate(self.root, image_id))


class ShardSource:
    """Photographs in TFRecord shards.

    Args:
        shards: the files; each is read through once to learn which photograph lies where.

    Raises:
        OSError: a shard cannot be read.
        ValueError: a shard is damaged, or a photograph occurs twice.
    """

    def __init__(self, shards: list[Path]) -> None:
        self._places: dict[str, tuple[Path, int]] = {}
        for shard in shards:
            offset = 0
            while (read := _read_record(shard, offset)) is not None:
                record, following = read
                if record.image_id in self._places:
                    raise ValueError(f"{shard}: photograph {record.image_id!r} occurs twice in these shards")
                self._places[record.image_id] = (shard, offset)
                offset = following

    @property
    def image_ids(self) -> list[str]:
        """Every photograph, in the order of the records."""
        return list(self._places)

    def read(self, image_id: str) -> NDArray[np.uint8]:
        """See `PhotographSource.read`."""
        if image_id not in self._places:
            raise ImageRefused(Refusal.MISSING, f"none of the {len(self._places)} records is {image_id!r}")
        read = _read_record(*self._places[image_id])
        if read is None:
            raise ImageRefused(Refusal.TRUNCATED, f"{self._places[image_id][0]} has become shorter")
        return decode_image(read[0].encoded)


def open_photographs(source: str) -> PhotographSource:
    """Photographs of a folder, or of the shards that a pattern such as 'build/test-*.tfrecord' names.

    Raises:
        OSError: there is no such folder and no file fits the pattern.
        ValueError: a shard is damaged.
    """
    if Path(source).is_dir():
        return FolderSource(Path(source))
    pattern = Path(source)
    shards = [path for path in sorted(pattern.parent.glob(pattern.name)) if path.suffix == ".tfrecord"]
    if not shards:
        raise FileNotFoundError(f"{source!r} is neither a folder nor a pattern of .tfrecord files")
    return ShardSource(shards)


def _read_record(shard: Path, offset: int) -> tuple[Record, int] | None:
    """The record at a byte offset and the next record's offset; None at the end of the shard."""
    with shard.open("rb") as file:
        file.seek(offset)
        head = file.read(_LENGTH.size)
        if not head:
            return None
        if len(head) < _LENGTH.size:
            raise ValueError(f"{shard} ends within the record at byte {offset}: build it again")
        length, length_checksum = _LENGTH.unpack(head)
        if length_checksum != _masked_crc(head[:8]) or length > _MAX_RECORD_BYTES:
            raise ValueError(f"{shard} is damaged at byte {offset}: build it again")
        data, tail = file.read(length), file.read(_CHECKSUM.size)
        if len(data) < length or len(tail) < _CHECKSUM.size:
            raise ValueError(f"{shard} ends within the record at byte {offset}: build it again")
        if _CHECKSUM.unpack(tail)[0] != _masked_crc(data):
            raise ValueError(f"{shard} is damaged at byte {offset}: build it again")
        return from_example_bytes(data), file.tell()


def _masked_crc(data: bytes) -> int:
    checksum = google_crc32c.value(data)
    return (((checksum >> 15) | (checksum << 17)) + 0xA282EAD8) & 0xFFFFFFFF
