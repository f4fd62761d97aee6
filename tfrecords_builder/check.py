"""Are these shards what they claim to be: every CRC, every image, every label, every number in the manifest."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from tfrecords_builder.check_ids import check_ids
from tfrecords_builder.check_shard import Problem, ShardCheck, ShardFindings, check_shard
from tfrecords_builder.csv_table import read_columns
from tfrecords_builder.image_limits import ImageLimits, Refusal
from tfrecords_builder.labels import Labels, read_labels
from tfrecords_builder.manifest import MANIFEST_FILE, Manifest, fingerprint_of, read_manifest
from tfrecords_builder.schema import (
    ATTRIBUTION_FILE,
    CATEGORIES_FILE,
    ID,
    LABELS_FILE,
    REASON,
    REFUSED_FILE,
    TRAIN_SPLIT,
    parse_shard_name,
    shard_name,
)
from tfrecords_builder.settings_tree import from_tree
from tfrecords_builder.terminal import CheckFailed, progress
from tfrecords_builder.workers import run_tasks

_SHOWN = 20
_REASONS = frozenset(reason.value for reason in Refusal)


def require_sound(folder: Path | str, *, workers: int = 1, sample: float = 1.0, seed: int = 0) -> Manifest:
    """Returns the manifest of a build folder in which nothing is wrong; for the arguments see `check_shards`.

    Raises:
        CheckFailed: something is; the message lists it.
        OSError, ValueError: see `check_shards`.
    """
    refuse_problems(folder, check_shards(folder, workers=workers, sample=sample, seed=seed))
    return read_manifest(folder)


def refuse_problems(folder: Path | str, problems: Sequence[Problem]) -> None:
    """Raises CheckFailed, listing the first problems, if there are any."""
    if problems:
        more = f"\n… and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
        listed = "\n".join(f"  {problem}" for problem in problems[:_SHOWN])
        raise CheckFailed(f"{folder}: {len(problems)} problems\n{listed}{more}")


def check_shards(folder: Path | str, *, workers: int = 1, sample: float = 1.0, seed: int = 0) -> list[Problem]:
    """Returns all that is wrong in a build folder, sorted by file and record.

    Args:
        folder: of a finished build.
        workers: processes.
        sample: share of the images to decode, above 0 and at most 1; everything else is checked of all records.
        seed: of the sample.

    Raises:
        FileNotFoundError: there is no manifest or no labels.csv.
        ValueError: the manifest or labels.csv is damaged, or the sample is no share.
    """
    if not 0 < sample <= 1:
        raise ValueError(f"sample={sample}: choose a share above 0 and at most 1")
    folder = Path(folder)
    manifest = read_manifest(folder)
    labels = read_labels(folder / LABELS_FILE)
    limits = from_tree(ImageLimits, manifest.settings["limits"])
    tasks = [
        ShardCheck(
            folder=folder, entry=entry, landmark_ids=labels.landmark_ids, limits=limits, sample=sample, seed=seed
        )
        for entry in manifest.shards
        if (folder / entry.name).is_file()
    ]
    with progress("check", sum(task.entry.records for task in tasks)) as shown:
        findings = list(run_tasks(check_shard, tasks, workers=workers, state=shown))
    findings.sort(key=lambda finding: finding.name)
    problems = [*check_files(folder, manifest), *_check_manifest(manifest, labels)]
    problems += [problem for finding in findings for problem in finding.problems]
    problems += _check_class_sizes(manifest, labels, findings)
    refused_problems, refused = _check_refused(folder, manifest)
    problems += [*refused_problems, *check_ids(folder, findings, refused)]
    return sorted(
        problems, key=lambda problem: (problem.file, -1 if problem.record is None else problem.record, problem.text)
    )


def check_files(folder: Path, manifest: Manifest) -> Iterator[Problem]:
    """Yields shards that are missing from a build folder, and files in it that are none of its shards."""
    listed = {entry.name for entry in manifest.shards}
    present = {path.name for path in folder.glob("*.tfrecord")}
    for name in sorted(listed - present):
        yield Problem(file=name, text="is missing; run the build again")
    for name in sorted(present - listed):
        yield Problem(file=name, text="is not in the manifest")
    for name, said in ((ATTRIBUTION_FILE, manifest.attribution), (CATEGORIES_FILE, manifest.categories)):
        if said and not (folder / name).is_file():
            yield Problem(file=name, text="is missing; run the build again")
        elif said and hashlib.sha256((folder / name).read_bytes()).hexdigest() != said["sha256"]:
            yield Problem(file=name, text="its sha256 is not the manifest's")


def _check_manifest(manifest: Manifest, labels: Labels) -> Iterator[Problem]:
    if fingerprint_of(manifest.identity) != manifest.fingerprint:
        yield Problem(file=MANIFEST_FILE, text="its fingerprint is not that of its inputs, settings and versions")
    if manifest.classes != len(labels):
        text = f"it says {manifest.classes} classes, {LABELS_FILE} has {len(labels)}"
        yield Problem(file=MANIFEST_FILE, text=text)
    if labels.digest() != manifest.labels_sha256:
        yield Problem(file=LABELS_FILE, text="its classes are not those that the shards were built with")
    listed = {entry.name for entry in manifest.shards}
    totals = {(split, total) for split, _, total in map(parse_shard_name, listed)}
    wanted = {shard_name(split, index, total) for split, total in totals for index in range(total)}
    for name in sorted(wanted - listed):
        yield Problem(file=MANIFEST_FILE, text=f"it does not list {name}")


def _check_class_sizes(manifest: Manifest, labels: Labels, findings: Sequence[ShardFindings]) -> Iterator[Problem]:
    sound = {finding.name for finding in findings if not finding.problems}
    train = {entry.name for entry in manifest.shards_of(TRAIN_SPLIT)}
    # Of a damaged shard the classes would be wrong too, which says nothing about labels.csv.
    if not train or not train <= sound:
        return
    found = np.zeros(len(labels), np.int64)
    for finding in findings:
        if finding.name in train:
            known = finding.labels >= 0
            found[finding.labels[known]] += finding.label_counts[known]
    wrong = np.flatnonzero(found != labels.images)
    if wrong.size:
        label = int(wrong[0])
        text = (
            f"{wrong.size} classes have another number of training records than it says; label {label}: "
            f"{found[label]}, not {labels.images[label]}"
        )
        yield Problem(file=LABELS_FILE, text=text)


def _check_refused(folder: Path, manifest: Manifest) -> tuple[list[Problem], list[str]]:
    """Returns what is wrong with refused.csv, and the ids in it."""
    path = folder / REFUSED_FILE
    if not path.is_file():
        return [Problem(file=REFUSED_FILE, text="is missing; run the build again")], []
    try:
        table = read_columns(path, [ID, REASON], allow_empty=True)
    except ValueError as error:
        return [Problem(file=REFUSED_FILE, text=str(error))], []
    problems = [Problem(file=REFUSED_FILE, text=text) for text in _compare_refused(table, manifest)]
    return problems, table[ID].dropna().tolist()


def _compare_refused(table: pd.DataFrame, manifest: Manifest) -> Iterator[str]:
    if len(table) != manifest.refused:
        yield f"{len(table)} rows, the manifest says {manifest.refused}"
    elif dict(sorted(Counter(table[REASON].tolist()).items())) != manifest.refusals:
        yield "its reasons are not those that the manifest counts"
    unknown = sorted(set(table[REASON].dropna()) - _REASONS)
    if unknown:
        yield f"{unknown[0]!r} is no reason of this version"
    if table[ID].duplicated().any():
        yield f"photograph {table[ID][table[ID].duplicated()].iloc[0]!r} occurs twice"
    in_shards = sum(entry.refused for entry in manifest.shards)
    if in_shards != manifest.refused:
        yield f"the manifest counts {manifest.refused} refusals, its shards {in_shards}"
