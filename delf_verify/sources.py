"""Where photographs come from: a folder, or TFRecord shards that `tfland build shards` wrote."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tfrecords_builder.images import ImageRefused, Refusal, decode_image, locate, read_image
from tfrecords_builder.schema import Record, from_example_bytes
from tfrecords_builder.tfrecord import Frame, record_at, scan_records


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
            for frame in scan_records(shard):
                record = _record_of(frame, shard)
                if record.image_id in self._places:
                    raise ValueError(f"{shard}: photograph {record.image_id!r} occurs twice in these shards")
                self._places[record.image_id] = (shard, frame.offset)

    @property
    def image_ids(self) -> list[str]:
        """Every photograph, in the order of the records."""
        return list(self._places)

    def read(self, image_id: str) -> NDArray[np.uint8]:
        """See `PhotographSource.read`."""
        if image_id not in self._places:
            raise ImageRefused(Refusal.MISSING, f"none of the {len(self._places)} records is {image_id!r}")
        shard, offset = self._places[image_id]
        return decode_image(_record_of(record_at(shard, offset), shard).encoded)


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


def _record_of(frame: Frame, shard: Path) -> Record:
    if frame.problem:
        raise ValueError(f"{shard}, byte {frame.offset}: {frame.problem}; build the shard again")
    return from_example_bytes(frame.data)
