"""Builds shards from a catalogue and a folder of photographs.

The same input and settings give the same bytes, whatever the number of workers and however often the build was killed.
An image's shard, and its place in it, follow from its id and the seed alone.
"""

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from tfrecords_builder.build_plan import BuildPlan, plan_build
from tfrecords_builder.build_state import BuildState, open_state
from tfrecords_builder.companions import write_attribution, write_categories
from tfrecords_builder.config import BuildConfig
from tfrecords_builder.image_limits import ImageRefused, Refusal
from tfrecords_builder.images import locate
from tfrecords_builder.labels import Labels, write_labels
from tfrecords_builder.manifest import (
    Manifest,
    RefusedImage,
    count_reasons,
    fingerprint_of,
    write_manifest,
    write_refused,
)
from tfrecords_builder.schema import ID, LABELS_FILE, LANDMARK, MANIFEST_FILE, TRAIN_SPLIT
from tfrecords_builder.shard_writer import ShardResult, write_shard
from tfrecords_builder.terminal import Progress, progress
from tfrecords_builder.workers import run_tasks

logger = logging.getLogger(__name__)


def build_shards(config: BuildConfig) -> Manifest:
    """Builds shards, offsets, manifest.json, labels.csv and refused.csv in `config.out`, and returns the manifest.

    Photographs that cannot be used are listed in refused.csv; the manifest counts them. Finished shards of an earlier
    run with the same settings are kept, but for those whose missing photographs are there now.

    Raises:
        OSError: a file or folder is missing or cannot be written, no photograph at all was found, or another build
            runs in the folder.
        ValueError: the CSV is not as it should be, a landmark has no label, or the folder holds another build.
    """
    plan = plan_build(config)
    logger.info("build: %d photographs, %d classes, settings %s", plan.photographs, len(plan.labels), config.settings())
    with open_state(config.out) as state:
        state.claim(plan.identity)
        done = finished_shards(plan, state)
        if len(done) < len(plan.names):
            # A manifest means that all is done and agrees with it.
            (config.out / MANIFEST_FILE).unlink(missing_ok=True)
        with progress("build", plan.photographs) as shown:
            _skip(shown, list(done.values()))
            for result in run_tasks(write_shard, plan.tasks(done), workers=config.workers, state=shown):
                state.finish(result)
                done[result.entry.name] = result
        return finish_build(plan, list(done.values()))


def finished_shards(plan: BuildPlan, state: BuildState) -> dict[str, ShardResult]:
    """Returns the shards that an earlier run finished, by name; forgets what must be written again.

    That is all where the build does not resume, and else the shards without a photograph that could not be read then
    and can be now: a disk came back, a download went on.
    """
    if not plan.config.resume:
        for name in plan.names:
            state.forget(name)
    done = {name: result for name in plan.names if (result := state.finished(name)) is not None}
    stale = [name for name, result in done.items() if _has_news(plan.config.images, result)]
    for name in stale:
        state.forget(name)
        del done[name]
    if stale:
        logger.info("build: %d shards are written again: photographs that were missing are there now", len(stale))
    if done:
        logger.info("build: %d of %d shards were finished before and are skipped", len(done), len(plan.names))
    return done


def _has_news(images: Path, result: ShardResult) -> bool:
    for refused in result.refused:
        if refused.reason in (Refusal.MISSING, Refusal.UNREADABLE):
            try:
                locate(images, refused.id).open("rb").close()
            except (ImageRefused, OSError):
                continue
            return True
    return False


def finish_build(plan: BuildPlan, results: Sequence[ShardResult]) -> Manifest:
    """Writes labels.csv, refused.csv and, last, manifest.json of a build whose shards are all written.

    Raises:
        OSError: the folder cannot be written.
    """
    out = plan.config.out
    refused = [image for result in results for image in result.refused]
    labels = _count_records(plan.splits, plan.labels, {image.id for image in refused})
    write_labels(out / LABELS_FILE, labels)
    write_refused(out, refused)
    sources = plan.config
    attribution = write_attribution(out, sources.attribution, _written(plan, refused)) if sources.attribution else {}
    categories = write_categories(out, sources.categories, labels) if sources.categories else {}
    manifest = Manifest(
        **plan.identity,
        fingerprint=fingerprint_of(plan.identity),
        classes=len(labels),
        labels_sha256=labels.digest(),
        shards=tuple(sorted((result.entry for result in results), key=lambda entry: entry.name)),
        refusals=count_reasons(refused),
        attribution=attribution,
        categories=categories,
    )
    write_manifest(out, manifest)
    return manifest


def _skip(shown: Progress, results: list[ShardResult]) -> None:
    shown.skip(sum(result.entry.records + result.entry.refused for result in results))
    shown.advance(0, refused=sum(result.entry.refused for result in results))


def _written(plan: BuildPlan, refused: Sequence[RefusedImage]) -> Iterator[str]:
    left_out = {image.id for image in refused}
    return (image_id for rows in plan.splits.values() for image_id in rows[ID] if image_id not in left_out)


def _count_records(splits: dict[str, pd.DataFrame], labels: Labels, refused: set[str]) -> Labels:
    """Returns the labels with the number of training records of each class, refused photographs left out."""
    if TRAIN_SPLIT not in splits:
        return labels
    rows = splits[TRAIN_SPLIT]
    written = rows[~rows[ID].isin(refused)]
    numbers = labels.of(written[LANDMARK].to_numpy())
    images = np.bincount(numbers[numbers >= 0], minlength=len(labels)).astype(np.int64)
    empty = int(np.count_nonzero(images == 0))
    if empty:
        logger.warning("%d classes of %d have no usable training photograph", empty, len(labels))
    return Labels(landmark_ids=labels.landmark_ids, images=images)
