"""The photographs that `tfland embed` works through, by number: of a CSV and a folder, or of shards."""

import functools
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from tfrecords_builder import schema
from tfrecords_builder.catalog import read_photographs
from tfrecords_builder.ids import validate_id
from tfrecords_builder.images import ImageRefused, decode_image, locate, read_image
from tfrecords_builder.terminal import CheckFailed
from tfrecords_builder.tfrecord import find_offsets, read_offsets, record_at


@dataclass(frozen=True, kw_only=True)
class Photograph:
    """One photograph, opened.

    Attributes:
        image_id: its id.
        landmark_id: its landmark, or -1.
        pixels: uint8 [H, W, 3] RGB, or why it cannot be had.
    """

    image_id: str
    landmark_id: int
    pixels: np.ndarray | ImageRefused


class Photographs(Protocol):
    """Photographs by number, in a fixed order; several threads read at once."""

    def __len__(self) -> int: ...

    def digest(self) -> str:
        """Identity of which photographs these are, and of their order."""

    def read(self, number: int) -> Photograph:
        """Opens one.

        Raises:
            CheckFailed: the record that holds it is corrupt.
        """


class CatalogPhotographs:
    """The photographs of a CSV, in its order.

    Args:
        csv: `id`, `id,landmark_id` or another form of `catalog.read_photographs`.
        images: their folder.

    Raises:
        OSError: there is no such file or folder.
        ValueError: the CSV is not of such a form.
    """

    def __init__(self, csv: Path, images: Path) -> None:
        if not images.is_dir():
            raise FileNotFoundError(f"no folder of photographs at {images}")
        table = read_photographs(csv)
        self._ids: list[str] = table[schema.ID].tolist()
        self._landmark_ids: list[int] = table[schema.LANDMARK].tolist()
        self._images = images

    def __len__(self) -> int:
        return len(self._ids)

    def digest(self) -> str:
        """See `Photographs.digest`."""
        return self._digest

    @functools.cached_property
    def _digest(self) -> str:
        digest = hashlib.sha256("\n".join(self._ids).encode())
        digest.update(np.array(self._landmark_ids, np.int64).tobytes())
        return digest.hexdigest()

    def read(self, number: int) -> Photograph:
        """See `Photographs.read`."""
        image_id = self._ids[number]
        pixels: np.ndarray | ImageRefused
        try:
            pixels = read_image(locate(self._images, image_id))
        except ImageRefused as refusal:
            pixels = refusal
        return Photograph(image_id=image_id, landmark_id=self._landmark_ids[number], pixels=pixels)


class ShardPhotographs:
    """The photographs of TFRecord shards, in the order of the shards' names and of the records in them.

    Args:
        pattern: such as 'build/index-*.tfrecord', or 'index-*-of-*' for shards in DELF's form, which have no suffix.

    Raises:
        OSError: no file fits the pattern.
        ValueError: offsets do not fit their shard, or there is no record.
    """

    def __init__(self, pattern: str) -> None:
        where = Path(pattern)
        found = sorted(where.parent.glob(where.name))
        self._shards = [path for path in found if path.suffix in ("", ".tfrecord") and path.is_file()]
        if not self._shards:
            raise FileNotFoundError(f"no shards fit {pattern!r}; give a pattern such as 'build/index-*.tfrecord'")
        offsets = [_offsets(shard) for shard in self._shards]
        self._ends = np.cumsum([len(part) for part in offsets])
        self._offsets = np.concatenate(offsets)
        if not len(self._offsets):
            raise ValueError(f"the {len(self._shards)} shards of {pattern!r} hold no record; build them again")

    def __len__(self) -> int:
        return len(self._offsets)

    def digest(self) -> str:
        """See `Photographs.digest`."""
        return self._digest

    @functools.cached_property
    def _digest(self) -> str:
        names = [
            f"{shard.name} {shard.stat().st_size} {end}" for shard, end in zip(self._shards, self._ends, strict=True)
        ]
        digest = hashlib.sha256("\n".join(names).encode())
        digest.update(self._offsets.tobytes())
        return digest.hexdigest()

    def read(self, number: int) -> Photograph:
        """See `Photographs.read`."""
        shard, offset = self._shards[int(np.searchsorted(self._ends, number, side="right"))], int(self._offsets[number])
        where = f"{shard}, record at byte offset {offset}"
        frame = record_at(shard, offset)
        if frame.problem:
            raise CheckFailed(f"{where}: {frame.problem}; repair the shard with `tfland build check --repair`")
        try:
            record = schema.from_example_bytes(frame.data)
            validate_id(record.image_id)
        except ValueError as error:
            raise CheckFailed(f"{where}: {error}") from error
        pixels: np.ndarray | ImageRefused
        try:
            pixels = decode_image(record.encoded)
        except ImageRefused as refusal:
            pixels = refusal
        return Photograph(image_id=record.image_id, landmark_id=record.landmark_id, pixels=pixels)


def _offsets(shard: Path) -> np.ndarray:
    beside = shard.with_name(schema.offsets_name(shard.name))
    if not beside.is_file():
        return find_offsets(shard)
    offsets = read_offsets(beside)
    if len(offsets) and not 0 <= int(offsets.max()) < shard.stat().st_size:
        raise ValueError(f"{beside} does not fit {shard.name} ({shard.stat().st_size} bytes); build the shard again")
    return offsets
