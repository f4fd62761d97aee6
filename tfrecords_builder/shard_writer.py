"""Writes one shard: its records, their offsets, and what was refused."""

import hashlib
import logging
import os
from dataclasses import dataclass
from pathlib import Path

from tfrecords_builder.atomic import atomic_write
from tfrecords_builder.image_limits import ImageLimits, ImageRefused, Refusal
from tfrecords_builder.images import locate, read_bytes
from tfrecords_builder.manifest import RefusedImage, ShardEntry
from tfrecords_builder.prepare import prepare_jpeg
from tfrecords_builder.resizing import ResizeMode
from tfrecords_builder.schema import Record, offsets_name, to_example_bytes
from tfrecords_builder.tfrecord import frame_record, write_offsets
from tfrecords_builder.workers import Tick

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class ShardTask:
    """One shard to write.

    Attributes:
        name: its file.
        out: folder of the build.
        images: folder of the photographs.
        image_ids: photographs, in the order of their records.
        landmark_ids: of the photographs.
        labels: of the photographs.
        max_side: size in pixels, 0 keeps it.
        resize: which side has that size.
        quality: of JPEGs that are encoded again.
        limits: which photographs are refused.
    """

    name: str
    out: Path
    images: Path
    image_ids: list[str]
    landmark_ids: list[int]
    labels: list[int]
    max_side: int
    resize: ResizeMode
    quality: int
    limits: ImageLimits


@dataclass(frozen=True, kw_only=True)
class ShardResult:
    """A written shard.

    Attributes:
        entry: for the manifest.
        refused: photographs that were left out.
    """

    entry: ShardEntry
    refused: tuple[RefusedImage, ...]


def write_shard(task: ShardTask, tick: Tick) -> ShardResult:
    """Writes a shard and its offsets, both whole or not at all, one record in memory at a time.

    Raises:
        OSError: the folder cannot be written, or the image folder has vanished.
    """
    offsets, refused = [0], []
    digest = hashlib.sha256()
    with atomic_write(task.out / task.name, "wb") as file:
        for image_id, landmark_id, label in zip(task.image_ids, task.landmark_ids, task.labels, strict=True):
            try:
                frame = frame_record(to_example_bytes(make_record(task, image_id, landmark_id, label)))
            except ImageRefused as refusal:
                if refusal.reason is Refusal.MISSING:
                    _require_folder(task.images)
                refused.append(RefusedImage(id=image_id, reason=refusal.reason.value, detail=refusal.detail))
                tick(1, 1)
                continue
            file.write(frame)
            digest.update(frame)
            offsets.append(offsets[-1] + len(frame))
            tick(1, 0)
    write_offsets(task.out / offsets_name(task.name), offsets[:-1])
    entry = ShardEntry(
        name=task.name,
        records=len(offsets) - 1,
        refused=len(refused),
        size_bytes=offsets[-1],
        sha256=digest.hexdigest(),
    )
    return ShardResult(entry=entry, refused=tuple(refused))


def _require_folder(images: Path) -> None:
    """Raises FileNotFoundError where a missing photograph means that the whole folder went, such as a lost mount."""
    try:
        with os.scandir(images) as entries:
            if next(entries, None) is not None:
                return
    except OSError as error:
        logger.debug("image folder: %s", error)
    raise FileNotFoundError(
        f"the image folder {images} has vanished; bring it back and run the same command again: finished work is kept"
    )


def make_record(task: ShardTask, image_id: str, landmark_id: int, label: int) -> Record:
    """Returns the record of a photograph as a shard of this task holds it.

    Raises:
        ImageRefused: the photograph cannot be used.
    """
    path = locate(task.images, image_id)
    prepared = prepare_jpeg(
        read_bytes(path, task.limits),
        max_side=task.max_side,
        mode=task.resize,
        quality=task.quality,
        limits=task.limits,
    )
    return Record(
        image_id=image_id,
        filename=path.relative_to(task.images).as_posix(),
        encoded=prepared.encoded,
        height=prepared.height,
        width=prepared.width,
        label=label,
        landmark_id=landmark_id,
    )
