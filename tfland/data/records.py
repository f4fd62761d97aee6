"""The records of a split by number: which shard holds the n-th one, and at which byte.

Besides our own builds it reads the shards that DELF's scripts write (train-00000-of-00128, no offsets beside them).
"""

import hashlib
import struct
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from tfrecords_builder import schema
from tfrecords_builder.terminal import CheckFailed
from tfrecords_builder.tfrecord import FRAME_BYTES, find_offsets, masked_crc

# A frame is length (8 bytes), its masked CRC (4), the data, their masked CRC (4): see tfrecords_builder.tfrecord.
HEADER_BYTES = 12
FOOTER_BYTES = FRAME_BYTES - HEADER_BYTES


@dataclass(frozen=True, kw_only=True)
class RecordIndex:
    """Where the records of a split are.

    Attributes:
        shards: the files, in the order of their numbers.
        shard_numbers: [N] int32, the shard of each record, an index into `shards`.
        offsets: [N] int64, the byte at which each record's frame starts in its shard.
        targets: what a network learns of them: "classes" (their labels) or "landmark_or_not" (1 for a photograph of
            any landmark, 0 for one without).
    """

    shards: tuple[Path, ...]
    shard_numbers: np.ndarray
    offsets: np.ndarray
    targets: Literal["classes", "landmark_or_not"] = "classes"

    def __len__(self) -> int:
        return len(self.offsets)

    def describe(self, number: int) -> str:
        """Names a record for an error: its shard and its byte offset."""
        return f"{self.shards[self.shard_numbers[number]]}, record at byte offset {self.offsets[number]}"

    def without(self, numbers: Collection[int]) -> "RecordIndex":
        """The records that are left without some."""
        kept = np.setdiff1d(np.arange(len(self)), np.array(sorted(numbers), dtype=np.int64))
        return replace(self, shard_numbers=self.shard_numbers[kept], offsets=self.offsets[kept])

    def joined(self, other: "RecordIndex") -> "RecordIndex":
        """These records and behind them those of another split."""
        return replace(
            self,
            shards=self.shards + other.shards,
            shard_numbers=np.concatenate([self.shard_numbers, other.shard_numbers + np.int32(len(self.shards))]),
            offsets=np.concatenate([self.offsets, other.offsets]),
        )

    def digest(self) -> str:
        """sha256 over the shards' names and the records' offsets, the identity of the data for a checkpoint."""
        digest = hashlib.sha256("\n".join(shard.name for shard in self.shards).encode())
        digest.update(self.shard_numbers.tobytes() + self.offsets.tobytes())
        return digest.hexdigest()


def index_split(folder: Path | str, split: str) -> RecordIndex:
    """Finds the records of a split.

    Args:
        folder: what `tfland build shards` or DELF's build_image_dataset.py wrote.
        split: the shards' name, such as "train".

    Raises:
        FileNotFoundError: the split, one of its shards or a file of offsets is missing.
        ValueError: offsets that do not fit their shard (a truncated or exchanged file), or no record at all.
    """
    shards = _find_shards(Path(folder), split)
    offsets = [_read_offsets(shard) for shard in shards]
    counts = [len(part) for part in offsets]
    if not sum(counts):
        raise ValueError(f"the {len(shards)} shards of split {split!r} in {folder} hold no record; build them again")
    return RecordIndex(
        shards=shards,
        shard_numbers=np.repeat(np.arange(len(shards), dtype=np.int32), counts),
        offsets=np.concatenate(offsets),
    )


def read_record(index: RecordIndex, number: int) -> schema.Record:
    """Reads one record without TensorFlow, its checksums verified.

    Raises:
        CheckFailed: the record is corrupt; the message names shard and offset.
    """
    start = int(index.offsets[number])
    with index.shards[index.shard_numbers[number]].open("rb") as file:
        file.seek(start)
        header = file.read(HEADER_BYTES)
        if len(header) < HEADER_BYTES or masked_crc(header[:8]) != _uint32(header[8:]):
            raise CheckFailed(f"{index.describe(number)}: its length is corrupt; build the shards again")
        (length,) = struct.unpack("<Q", header[:8])
        body = file.read(length + FOOTER_BYTES)
    data, footer = body[:length], body[length:]
    if len(footer) < FOOTER_BYTES or masked_crc(data) != _uint32(footer):
        raise CheckFailed(f"{index.describe(number)}: its data are corrupt; build the shards again")
    try:
        return schema.from_example_bytes(data)
    except ValueError as error:
        raise CheckFailed(f"{index.describe(number)}: {error}") from error


def _find_shards(folder: Path, split: str) -> tuple[Path, ...]:
    pattern = f"{schema.validate_split(split)}-*-of-*"
    found = sorted(folder.glob(f"{pattern}.tfrecord")) or sorted(p for p in folder.glob(pattern) if not p.suffix)
    if not found:
        there = sorted({path.name.partition("-")[0] for path in folder.glob("*-of-*.tfrecord")})
        raise FileNotFoundError(f"no shards of split {split!r} in {folder}; it has {there or 'no shards at all'}")
    suffix = found[0].suffix  # none: DELF's form
    totals = {schema.parse_shard_name(f"{path.stem}.tfrecord")[2] for path in found}
    if len(totals) > 1:
        raise ValueError(f"{folder} mixes builds of split {split!r} with {sorted(totals)} shards; keep one of them")
    names = [schema.shard_name(split, number, max(totals)) for number in range(max(totals))]
    expected = [(folder / name).with_suffix(suffix) for name in names]
    if missing := [path for path in expected if path not in found]:
        raise FileNotFoundError(f"shard {missing[0]} is missing ({len(missing)} of {len(expected)}); build it again")
    return tuple(expected)


def _read_offsets(shard: Path) -> np.ndarray:
    if not shard.suffix:
        return find_offsets(shard)
    path = shard.with_name(schema.offsets_name(shard.name))
    if not path.exists():
        raise FileNotFoundError(f"{path} is missing: the byte offsets of the shard's records; build the shards again")
    offsets = np.load(path, allow_pickle=False)
    if offsets.dtype != np.int64 or offsets.ndim != 1:
        raise ValueError(f"{path} holds {offsets.dtype} {list(offsets.shape)}, expected int64 [N]")
    ends = np.append(offsets[1:], shard.stat().st_size)
    fits = bool((ends - offsets >= FRAME_BYTES).all() and offsets[0] == 0) if len(offsets) else ends[0] == 0
    if not fits or (len(offsets) and _frame_end(shard, int(offsets[-1])) != ends[-1]):
        raise ValueError(f"{path} does not fit {shard.name} ({ends[-1]} bytes): cut short or of another build")
    return offsets


def _frame_end(shard: Path, offset: int) -> int:
    """Where the frame that starts at `offset` says that it ends."""
    with shard.open("rb") as file:
        file.seek(offset)
        (length,) = struct.unpack("<Q", file.read(8))
    return int(offset + HEADER_BYTES + length + FOOTER_BYTES)


def _uint32(data: bytes) -> int:
    return int.from_bytes(data, "little")
