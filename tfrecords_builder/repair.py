"""Rebuilds what is bad in a build folder, and only that.

The settings come from the folder, the photographs from where they were. A rebuilt shard replaces the bad one only if it
has the bytes that the folder says it had: otherwise the photographs are no longer those of the build, and nothing is
touched. The folder is then, byte for byte, what a fresh build would be.
"""

import logging
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from tfrecords_builder.build_plan import BuildPlan, plan_build
from tfrecords_builder.build_state import REPAIR_FOLDER, STATE_FOLDER, BuildState, differences, open_state
from tfrecords_builder.check_shard import ShardCheck, check_shard, hash_of_ids
from tfrecords_builder.config import BuildConfig
from tfrecords_builder.csv_table import read_columns
from tfrecords_builder.manifest import Manifest, RefusedImage, ShardEntry, read_manifest
from tfrecords_builder.schema import DETAIL, ID, REASON, REFUSED_FILE, offsets_name
from tfrecords_builder.shard_writer import ShardResult, ShardTask, write_shard
from tfrecords_builder.shards import finish_build
from tfrecords_builder.terminal import CheckFailed, progress
from tfrecords_builder.workers import Tick, run_tasks

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Repair:
    """What a repair did: the shards that it rebuilt, and the manifest of the whole."""

    rebuilt: tuple[str, ...]
    manifest: Manifest


@dataclass(frozen=True, kw_only=True)
class _RepairTask:
    """One shard: what the folder says that it is (None if nothing), and how to write it."""

    known: ShardResult | None
    check: ShardCheck | None
    write: ShardTask


@dataclass(frozen=True, kw_only=True)
class _Outcome:
    """A shard that is sound, or was written to the staging folder."""

    result: ShardResult
    rebuilt: bool


def repair_shards(
    folder: Path | str,
    *,
    csv: Path,
    images: Path,
    labels: Path | None = None,
    split_file: Path | None = None,
    duplicates: Path | None = None,
    attribution: Path | None = None,
    categories: Path | None = None,
    workers: int = 1,
) -> Repair:
    """Makes a build folder sound again and returns what was rebuilt.

    Args:
        folder: of the build.
        csv: the catalogue that it was built from.
        images: the folder of its photographs.
        labels: the labels.csv that it was built with, if one was given.
        split_file: the file of splits that it was built with, if one was given.
        duplicates: the file of duplicates that it was built with, if one was given.
        attribution: the table of authors and licences that it was built with, if one was given.
        categories: the table of landmarks' names that it was built with, if one was given.
        workers: processes.

    Raises:
        OSError: an input is missing, the folder cannot be written, or a build runs in it.
        ValueError: the folder does not say how it was built, or the inputs or the versions are not those of the build.
        CheckFailed: a rebuilt shard is not what it was: photographs have changed. Nothing was replaced.
    """
    folder = Path(folder)
    manifest = _manifest_or_none(folder)
    if manifest is None and not (folder / STATE_FOLDER).is_dir():
        raise FileNotFoundError(
            f"{folder} holds neither a readable manifest nor a {STATE_FOLDER} folder: there is no build"
        )
    with open_state(folder) as state:
        identity = _identity(folder, state, manifest)
        config = BuildConfig.from_settings(
            identity.get("settings"),
            csv=csv,
            images=images,
            out=folder,
            labels=labels,
            split_file=split_file,
            duplicates=duplicates,
            attribution=attribution,
            categories=categories,
            workers=workers,
        )
        return _repair(_plan_again(identity, config), state, manifest)


def _identity(folder: Path, state: BuildState, manifest: Manifest | None) -> dict[str, Any]:
    identity = state.settings() or (manifest.identity if manifest else None)
    if identity is None:
        raise ValueError(f"{folder} does not say how it was built any more; build it again in another folder")
    return identity


def _repair(plan: BuildPlan, state: BuildState, manifest: Manifest | None) -> Repair:
    state.adopt(plan.identity)
    state.claim(plan.identity)
    staging = plan.config.out / REPAIR_FOLDER
    try:
        outcomes = _carry_out(plan, state, manifest, staging)
        _replace(plan.config.out, staging, state, outcomes)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    for outcome in outcomes:
        state.finish(outcome.result)
    made = finish_build(plan, [outcome.result for outcome in outcomes])
    rebuilt = sorted(outcome.result.entry.name for outcome in outcomes if outcome.rebuilt)
    return Repair(rebuilt=tuple(rebuilt), manifest=made)


def _plan_again(identity: dict[str, Any], config: BuildConfig) -> BuildPlan:
    plan = plan_build(config, earlier=identity)
    if plan.identity != identity:
        raise ValueError(
            f"{config.out} cannot be repaired from these inputs ({differences(identity, plan.identity)}); give those "
            "of the build, or build again in another folder"
        )
    return plan


def _manifest_or_none(folder: Path) -> Manifest | None:
    try:
        return read_manifest(folder)
    except (FileNotFoundError, ValueError) as error:
        logger.warning("%s", error)
        return None


def _carry_out(plan: BuildPlan, state: BuildState, manifest: Manifest | None, staging: Path) -> list[_Outcome]:
    """Checks every shard and writes those that are bad to the staging folder."""
    staging.mkdir()
    with progress("repair", plan.photographs) as shown:
        tasks = _tasks(plan, state, manifest, staging)
        outcomes = list(run_tasks(repair_shard, tasks, workers=plan.config.workers, state=shown))
    entries = {entry.name: entry for entry in manifest.shards} if manifest else {}
    for outcome in outcomes:
        name = outcome.result.entry.name
        noted = _noted(state, name)
        said = [entry for entry in (entries.get(name), noted.entry if noted else None) if entry is not None]
        if said and outcome.result.entry not in said:
            raise CheckFailed(
                f"{name} was rebuilt with {outcome.result.entry.records} records and other bytes than its build wrote "
                f"({said[0].records} records): photographs in {plan.config.images} have changed. Nothing was replaced; "
                "build again in another folder"
            )
    return outcomes


def _tasks(plan: BuildPlan, state: BuildState, manifest: Manifest | None, staging: Path) -> Iterator[_RepairTask]:
    entries = {entry.name: entry for entry in manifest.shards} if manifest else {}
    refused = _read_refused(plan.config.out)
    for task in plan.tasks():
        known = _noted(state, task.name) or _from_tables(entries.get(task.name), refused, task)
        check = None
        if known is not None:
            check = ShardCheck(
                folder=plan.config.out,
                entry=known.entry,
                landmark_ids=plan.labels.landmark_ids,
                limits=plan.config.limits,
            )
        yield _RepairTask(known=known, check=check, write=replace(task, out=staging))


def repair_shard(task: _RepairTask, tick: Tick) -> _Outcome:
    """Checks a shard, and writes it to the staging folder if it is bad."""
    if task.known is not None and task.check is not None and _is_sound(task.check, task.known, task.write):
        tick(len(task.write.image_ids), len(task.known.refused))
        return _Outcome(result=task.known, rebuilt=False)
    return _Outcome(result=write_shard(task.write, tick), rebuilt=True)


def _is_sound(check: ShardCheck, known: ShardResult, planned: ShardTask) -> bool:
    if known.entry.refused != len(known.refused) or not (check.folder / known.entry.name).is_file():
        return False
    findings = check_shard(check, lambda done, refused: None)
    refused = {image.id for image in known.refused}
    expected = hash_of_ids([image_id for image_id in planned.image_ids if image_id not in refused])
    return not findings.problems and np.array_equal(findings.id_hashes, expected)


def _noted(state: BuildState, name: str) -> ShardResult | None:
    try:
        return state.noted(name)
    except ValueError as error:
        logger.warning("%s", error)
        return None


def _from_tables(entry: ShardEntry | None, refused: dict[str, RefusedImage], task: ShardTask) -> ShardResult | None:
    if entry is None:
        return None
    images = tuple(refused[image_id] for image_id in task.image_ids if image_id in refused)
    return ShardResult(entry=entry, refused=images)


def _read_refused(folder: Path) -> dict[str, RefusedImage]:
    try:
        table = read_columns(folder / REFUSED_FILE, [ID, REASON, DETAIL], allow_empty=True).fillna("")
    except (OSError, ValueError):
        return {}
    rows = zip(table[ID], table[REASON], table[DETAIL], strict=True)
    return {image_id: RefusedImage(id=image_id, reason=reason, detail=detail) for image_id, reason, detail in rows}


def _replace(folder: Path, staging: Path, state: BuildState, outcomes: list[_Outcome]) -> None:
    for outcome in outcomes:
        if outcome.rebuilt:
            name = outcome.result.entry.name
            # Without its note a plain build would write it again, should this run be killed here.
            state.forget(name)
            for file in (name, offsets_name(name)):
                (staging / file).replace(folder / file)
