"""Is one shard what it claims to be: its bytes, records, images, labels and offsets."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tfrecords_builder.ids import hash_ids
from tfrecords_builder.image_limits import ImageLimits, ImageRefused
from tfrecords_builder.images import read_header
from tfrecords_builder.jpeg_codec import check_jpeg
from tfrecords_builder.manifest import ShardEntry
from tfrecords_builder.schema import NO_LANDMARK_ID, NO_LANDMARK_LABEL, Record, from_example_bytes, offsets_name
from tfrecords_builder.tfrecord import Frame, read_offsets, scan_records
from tfrecords_builder.workers import Tick

_MAX_PROBLEMS_A_SHARD = 1000


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One thing that is wrong.

    Attributes:
        file: in the build folder.
        record: its number in the file, or None if the whole file is concerned.
        image_id: of the record, "" if unknown.
        text: what is wrong.
    """

    file: str
    record: int | None = None
    image_id: str = ""
    text: str

    def __str__(self) -> str:
        record = "" if self.record is None else f" record {self.record}"
        image = f" ({self.image_id})" if self.image_id else ""
        return f"{self.file}{record}{image}: {self.text}"


@dataclass(frozen=True, kw_only=True)
class ShardCheck:
    """One shard to check.

    Attributes:
        folder: of the build.
        entry: what the manifest says of the shard.
        landmark_ids: the landmark of each label, int64 [C].
        limits: that its images must keep.
        sample: share of the images to decode, 0 to 1; everything else is checked of all records.
        seed: of the choice of images, which follows from their ids.
    """

    folder: Path
    entry: ShardEntry
    landmark_ids: np.ndarray
    limits: ImageLimits
    sample: float = 1.0
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class ShardFindings:
    """What was found in one shard. Of the ids only hashes are kept: four million ids are then 32 MB.

    Attributes:
        name: the shard.
        id_hashes: `hash_of_id` of each record that could be read, in order, uint64 [N].
        record_numbers: of those records, int32 [N].
        labels: that occur, ascending, int64 [L].
        label_counts: records of each of `labels`, int64 [L].
        decoded: images that were decoded.
        problems: what is wrong.
    """

    name: str
    id_hashes: np.ndarray
    record_numbers: np.ndarray
    labels: np.ndarray
    label_counts: np.ndarray
    decoded: int
    problems: list[Problem]


def hash_of_ids(image_ids: list[str]) -> np.ndarray:
    """Returns the hashes by which checks compare ids: uint64 [N]."""
    return hash_ids(image_ids, 0, "check")


def check_shard(task: ShardCheck, tick: Tick) -> ShardFindings:
    """Returns what is wrong in one shard."""
    name = task.entry.name
    problems: list[Problem] = []
    image_ids: list[str] = []
    numbers: list[int] = []
    labels: list[int] = []
    offsets: list[int] = []
    decoded = 0
    try:
        problems += [Problem(file=name, text=text) for text in _check_whole(task.folder / name, task.entry)]
        for number, frame in enumerate(scan_records(task.folder / name)):
            offsets.append(frame.offset)
            record, text = _read_record(frame)
            if record is not None:
                image_ids.append(record.image_id)
                numbers.append(number)
                labels.append(record.label)
                is_chosen = _is_chosen(record, task)
                decoded += is_chosen
                text = (
                    _check_label(record, task.landmark_ids) or (is_chosen and _check_image(record, task.limits)) or ""
                )
            if text and len(problems) < _MAX_PROBLEMS_A_SHARD:
                image_id = record.image_id if record else ""
                problems.append(Problem(file=name, record=number, image_id=image_id, text=text))
            tick(1, 0)
        if len(offsets) != task.entry.records:
            text = f"{len(offsets)} records, the manifest says {task.entry.records}"
            problems.append(Problem(file=name, text=text))
        problems += _check_offsets(task.folder, name, offsets)
    except OSError as error:
        problems.append(Problem(file=name, text=f"cannot be read: {error.strerror or error}"))
    values, counts = np.unique(np.array(labels, np.int64), return_counts=True)
    return ShardFindings(
        name=name,
        id_hashes=hash_of_ids(image_ids),
        record_numbers=np.array(numbers, np.int32),
        labels=values,
        label_counts=counts,
        decoded=decoded,
        problems=problems,
    )


def _check_whole(path: Path, entry: ShardEntry) -> Iterator[str]:
    size = path.stat().st_size
    if size != entry.size_bytes:
        yield f"{size} bytes, the manifest says {entry.size_bytes}"
    with path.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != entry.sha256:
            yield "its sha256 is not the manifest's"


def _read_record(frame: Frame) -> tuple[Record | None, str]:
    if frame.problem:
        return None, frame.problem
    try:
        return from_example_bytes(frame.data), ""
    except ValueError as error:
        return None, str(error)


def _is_chosen(record: Record, task: ShardCheck) -> bool:
    if task.sample >= 1:
        return True
    number = int(hash_ids([record.image_id], task.seed, "check sample")[0])
    return number < task.sample * 2**64


def _check_label(record: Record, landmark_ids: np.ndarray) -> str:
    label, landmark = record.label, record.landmark_id
    if label == NO_LANDMARK_LABEL:
        has_landmark = landmark != NO_LANDMARK_ID
        return f"label {label} (no landmark) but landmark {landmark}" if has_landmark else ""
    if not 0 <= label < len(landmark_ids):
        return f"label {label} is not one of the {len(landmark_ids)} classes"
    if landmark_ids[label] != landmark:
        return f"label {label} means landmark {landmark_ids[label]}, but the record says {landmark}"
    return ""


def _check_image(record: Record, limits: ImageLimits) -> str:
    try:
        header = read_header(record.encoded, limits)
        if header.format != "JPEG" or header.mode != "RGB" or header.orientation != 1:
            found = f"{header.format} {header.mode}, orientation {header.orientation}"
            return f"its image is {found}, not an upright RGB JPEG"
        if not check_jpeg(record.encoded, header):
            return "its image does not decode"
    except ImageRefused as error:
        return f"its image is refused: {error}"
    if (header.height, header.width) != (record.height, record.width):
        height, width = header.height, header.width
        return f"its image is {width} x {height} pixels, the record says {record.width} x {record.height}"
    return ""


def _check_offsets(folder: Path, shard: str, offsets: list[int]) -> list[Problem]:
    name = offsets_name(shard)
    try:
        stored = read_offsets(folder / name)
    except FileNotFoundError:
        return [Problem(file=name, text="is missing; run the build again")]
    except ValueError as error:
        return [Problem(file=name, text=str(error))]
    if stored.tolist() != offsets:
        return [Problem(file=name, text=f"its {len(stored)} offsets are not those of the {len(offsets)} records")]
    return []
