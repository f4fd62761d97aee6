"""Are these shards what they claim to be: every CRC, every image, every label, every number in the manifest."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tfrecords_builder.csv_table import read_columns
from tfrecords_builder.image_limits import ImageLimits, ImageRefused
from tfrecords_builder.images import decode_jpeg, read_header
from tfrecords_builder.labels import Labels, read_labels
from tfrecords_builder.manifest import Manifest, ShardEntry, read_manifest
from tfrecords_builder.schema import (
    ID,
    LABELS_FILE,
    NO_LANDMARK_ID,
    NO_LANDMARK_LABEL,
    REFUSED_FILE,
    Record,
    from_example_bytes,
    offsets_name,
)
from tfrecords_builder.terminal import CheckFailed, progress
from tfrecords_builder.tfrecord import Frame, read_offsets, scan_records
from tfrecords_builder.workers import Tick, run_tasks

_SHOWN = 20
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
    """One shard to check: the folder, what the manifest says of the shard, the landmark of each label, the limits."""

    folder: Path
    entry: ShardEntry
    landmark_ids: np.ndarray
    limits: ImageLimits


@dataclass(frozen=True, kw_only=True)
class ShardFindings:
    """What was found in one shard: its name, its photographs in order, and the problems."""

    name: str
    image_ids: list[str]
    problems: list[Problem]


def require_sound(folder: Path | str, *, workers: int = 1) -> Manifest:
    """Returns the manifest of a build folder in which nothing is wrong.

    Raises:
        CheckFailed: something is; the message lists it.
        OSError, ValueError: see `check_shards`.
    """
    problems = check_shards(folder, workers=workers)
    if problems:
        more = f"\n… and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
        listed = "\n".join(f"  {problem}" for problem in problems[:_SHOWN])
        raise CheckFailed(f"{folder}: {len(problems)} problems\n{listed}{more}")
    return read_manifest(folder)


def check_shards(folder: Path | str, *, workers: int = 1) -> list[Problem]:
    """Returns all that is wrong in a build folder, sorted by file and record.

    Args:
        folder: of a finished build.
        workers: processes.

    Raises:
        FileNotFoundError: there is no manifest or no labels.csv.
        ValueError: the manifest or labels.csv is damaged.
    """
    folder = Path(folder)
    manifest = read_manifest(folder)
    labels = read_labels(folder / LABELS_FILE)
    problems = [*_check_files(folder, manifest), *_check_tables(folder, manifest, labels)]
    limits = ImageLimits(**manifest.settings["limits"])
    tasks = [
        ShardCheck(folder=folder, entry=entry, landmark_ids=labels.landmark_ids, limits=limits)
        for entry in manifest.shards
        if (folder / entry.name).is_file()
    ]
    with progress("check", sum(task.entry.records for task in tasks)) as shown:
        findings = list(run_tasks(check_shard, tasks, workers=workers, state=shown))
    findings.sort(key=lambda finding: finding.name)
    problems += [problem for finding in findings for problem in finding.problems]
    problems += _repeated_ids(findings)
    return sorted(problems, key=lambda problem: (problem.file, problem.record or -1, problem.text))


def check_shard(task: ShardCheck, tick: Tick) -> ShardFindings:
    """Returns what is wrong in one shard; it has been found to exist."""
    path = task.folder / task.entry.name
    problems = [Problem(file=task.entry.name, text=text) for text in _check_whole(path, task.entry)]
    image_ids: list[str] = []
    offsets: list[int] = []
    for number, frame in enumerate(scan_records(path)):
        offsets.append(frame.offset)
        record, text = _check_frame(frame, task)
        image_id = record.image_id if record else ""
        image_ids.append(image_id)
        if text and len(problems) < _MAX_PROBLEMS_A_SHARD:
            problems.append(Problem(file=task.entry.name, record=number, image_id=image_id, text=text))
        tick(1, 0)
    if len(offsets) != task.entry.records:
        text = f"{len(offsets)} records, the manifest says {task.entry.records}"
        problems.append(Problem(file=task.entry.name, text=text))
    problems += _check_offsets(task.folder, task.entry.name, offsets)
    return ShardFindings(name=task.entry.name, image_ids=image_ids, problems=problems)


def _check_files(folder: Path, manifest: Manifest) -> Iterator[Problem]:
    listed = {entry.name for entry in manifest.shards}
    present = {path.name for path in folder.glob("*.tfrecord")}
    for name in sorted(listed - present):
        yield Problem(file=name, text="is missing; run the build again")
    for name in sorted(present - listed):
        yield Problem(file=name, text="is not in the manifest")


def _check_tables(folder: Path, manifest: Manifest, labels: Labels) -> Iterator[Problem]:
    if labels.digest() != manifest.labels_sha256:
        yield Problem(file=LABELS_FILE, text="its classes are not those that the shards were built with")
    path = folder / REFUSED_FILE
    if not path.is_file():
        yield Problem(file=REFUSED_FILE, text="is missing; run the build again")
        return
    rows = len(read_columns(path, [ID], allow_empty=True))
    if rows != manifest.refused:
        yield Problem(file=REFUSED_FILE, text=f"{rows} rows, the manifest says {manifest.refused}")


def _check_whole(path: Path, entry: ShardEntry) -> Iterator[str]:
    size = path.stat().st_size
    if size != entry.size_bytes:
        yield f"{size} bytes, the manifest says {entry.size_bytes}"
    with path.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != entry.sha256:
            yield "its sha256 is not the manifest's"


def _check_frame(frame: Frame, task: ShardCheck) -> tuple[Record | None, str]:
    if frame.problem:
        return None, frame.problem
    try:
        record = from_example_bytes(frame.data)
    except ValueError as error:
        return None, str(error)
    return record, _check_label(record, task.landmark_ids) or _check_image(record, task.limits)


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
    except ImageRefused as error:
        return f"its image is refused: {error}"
    if header.format != "JPEG" or header.mode != "RGB" or header.orientation != 1:
        return f"its image is {header.format} {header.mode}, orientation {header.orientation}, not an upright RGB JPEG"
    pixels = decode_jpeg(record.encoded, header)
    if pixels is None:
        return "its image does not decode"
    if pixels.shape[:2] != (record.height, record.width):
        height, width = pixels.shape[:2]
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


def _repeated_ids(findings: list[ShardFindings]) -> Iterator[Problem]:
    first: dict[str, str] = {}
    for finding in findings:
        for number, image_id in enumerate(finding.image_ids):
            if not image_id:
                continue
            if image_id in first:
                text = f"the photograph is already in {first[image_id]}"
                yield Problem(file=finding.name, record=number, image_id=image_id, text=text)
            else:
                first[image_id] = finding.name
