"""Finds near-duplicate photographs of a catalogue, within classes and across them.

Photographs whose perceptual hashes differ in at most `max_distance` bits, or that a chain of such connects, are one
group. Hashing is done by worker processes, in pieces that are kept: a killed run goes on. A piece is known by its ids;
who changes photographs deletes the folder.
"""

import hashlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from tfrecords_builder.atomic import atomic_write
from tfrecords_builder.hash_search import MAX_DISTANCE, near_groups
from tfrecords_builder.image_limits import DEFAULT_LIMITS, ImageLimits, ImageRefused
from tfrecords_builder.images import decode_image, locate, read_bytes
from tfrecords_builder.json_files import read_object, write_json
from tfrecords_builder.manifest import RefusedImage, write_refused
from tfrecords_builder.perceptual_hash import hash_thumbnails, thumbnail
from tfrecords_builder.schema import DUPLICATES_FILE, GROUP, ID
from tfrecords_builder.terminal import progress
from tfrecords_builder.workers import Tick, run_tasks

_PIECE = 500
_STATE_FOLDER = ".hashes"
_VERSION = 1
# A JPEG is then decoded at an eighth of its size where that leaves enough for 32 x 32.
_DECODED_SIDE = 64

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class DuplicatesConfig:
    """What to compare, and how.

    Attributes:
        images: folder of the photographs.
        out: folder of duplicates.csv, refused.csv and the hashes.
        max_distance: bits of 64 in which the hashes of near-duplicates may differ. Of 921 photographs of 15 landmarks
            no two are within 11; 6 holds all copies of them at half size or JPEG quality 30, 97 % of those brightened
            by a fifth and 79 % of those cropped by 2 % a side (benchmarks/README.md).
        limits: which photographs are refused.
        workers: processes.
    """

    images: Path
    out: Path
    max_distance: int = 6
    limits: ImageLimits = DEFAULT_LIMITS
    workers: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.max_distance <= MAX_DISTANCE:
            raise ValueError(f"max_distance={self.max_distance}: choose 0 to {MAX_DISTANCE}")
        if self.workers < 1:
            raise ValueError(f"workers={self.workers}: must be at least 1")


@dataclass(frozen=True, kw_only=True)
class Duplicates:
    """What was found.

    Attributes:
        groups: columns id and group (the smallest id in it), of photographs that have a near-duplicate; by group, id.
        refused: photographs that have no hash.
    """

    groups: pd.DataFrame
    refused: tuple[RefusedImage, ...]

    @property
    def count(self) -> int:
        """Number of groups."""
        return int(self.groups[GROUP].nunique())

    @property
    def largest(self) -> int:
        """Photographs of the largest group."""
        return int(self.groups[GROUP].value_counts().max()) if len(self.groups) else 0


@dataclass(frozen=True, kw_only=True)
class HashTask:
    """Photographs to hash, and the file of the result."""

    path: Path
    images: Path
    image_ids: list[str]
    limits: ImageLimits


def find_duplicates(photographs: pd.DataFrame, config: DuplicatesConfig) -> Duplicates:
    """Writes duplicates.csv (id,group) and refused.csv, and returns what they hold.

    Args:
        photographs: column id.
        config: the settings.

    Raises:
        OSError: a folder is missing or cannot be written.
    """
    if not config.images.is_dir():
        raise NotADirectoryError(f"no folder of photographs at {config.images}")
    ids = sorted(photographs[ID])
    hashes, refused = _hash_all(ids, config)
    found = _group(hashes, config.max_distance)
    with atomic_write(config.out / DUPLICATES_FILE, newline="") as file:
        found.to_csv(file, index=False, lineterminator="\n")
    write_refused(config.out, refused)
    return Duplicates(groups=found, refused=tuple(refused))


def hash_piece(task: HashTask, tick: Tick) -> Path:
    """Hashes photographs, writes the result and returns its file.

    Raises:
        OSError: the file cannot be written.
    """
    ids, pictures, refused = [], [], []
    for image_id in task.image_ids:
        try:
            data = read_bytes(locate(task.images, image_id), task.limits)
            pictures.append(thumbnail(decode_image(data, task.limits, max_side=_DECODED_SIDE)))
            ids.append(image_id)
        except ImageRefused as refusal:
            refused.append([image_id, refusal.reason.value, refusal.detail])
        tick(1, int(bool(refused) and refused[-1][0] == image_id))
    hashes = hash_thumbnails(np.stack(pictures)) if pictures else np.empty(0, np.uint64)
    write_json(
        task.path, {"hashes": dict(zip(ids, map("{:016x}".format, hashes.tolist()), strict=True)), "refused": refused}
    )
    return task.path


def _hash_all(ids: list[str], config: DuplicatesConfig) -> tuple[dict[str, int], list[RefusedImage]]:
    tasks = list(_tasks(ids, config))
    waiting = [task for task in tasks if not task.path.is_file()]
    with progress("hash", len(ids)) as shown:
        shown.skip(len(ids) - sum(len(task.image_ids) for task in waiting))
        if len(waiting) < len(tasks):
            logger.info("hash: %d of %d pieces were done before and are skipped", len(tasks) - len(waiting), len(tasks))
        for _ in run_tasks(hash_piece, waiting, workers=config.workers, state=shown):
            pass
    hashes: dict[str, int] = {}
    refused = []
    for task in tasks:
        content = read_object(task.path)
        hashes |= {image_id: int(text, 16) for image_id, text in content["hashes"].items()}
        refused += [
            RefusedImage(id=image_id, reason=reason, detail=detail) for image_id, reason, detail in content["refused"]
        ]
    return hashes, refused


def _tasks(ids: list[str], config: DuplicatesConfig) -> Iterator[HashTask]:
    for start in range(0, len(ids), _PIECE):
        piece = ids[start : start + _PIECE]
        name = hashlib.sha256("\n".join([f"{_VERSION} {config.limits}", *piece]).encode()).hexdigest()[:32]
        path = config.out / _STATE_FOLDER / f"{name}.json"
        yield HashTask(path=path, images=config.images, image_ids=piece, limits=config.limits)


def _group(hashes: dict[str, int], max_distance: int) -> pd.DataFrame:
    table = pd.DataFrame({ID: pd.Series(list(hashes), dtype=str)})
    table["number"] = near_groups(np.fromiter(hashes.values(), np.uint64, len(hashes)), max_distance)
    table = table[table["number"].duplicated(keep=False)]
    table[GROUP] = table.groupby("number")[ID].transform("min")
    return table[[ID, GROUP]].sort_values([GROUP, ID], ignore_index=True)
