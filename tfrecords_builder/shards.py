"""Builds shards from a catalogue and a folder of photographs.

The same input and settings give the same bytes, whatever the number of workers and however often the build was killed.
An image's shard, and its place in it, follow from its id and the seed alone.
"""

import hashlib
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import PIL

from tfrecords_builder.build_state import BuildState, open_state
from tfrecords_builder.catalog import read_photographs
from tfrecords_builder.config import BuildConfig
from tfrecords_builder.ids import hash_ids, shuffled_order
from tfrecords_builder.image_limits import ImageRefused
from tfrecords_builder.images import locate
from tfrecords_builder.labels import Labels, labels_of, read_labels, write_labels
from tfrecords_builder.manifest import (
    FORMAT_VERSION,
    Manifest,
    count_reasons,
    write_manifest,
    write_refused,
)
from tfrecords_builder.schema import ID, LABELS_FILE, LANDMARK, NO_LANDMARK_ID, TRAIN_SPLIT, shard_name
from tfrecords_builder.selection import select
from tfrecords_builder.shard_writer import ShardResult, ShardTask, write_shard
from tfrecords_builder.splits import split_photographs
from tfrecords_builder.terminal import Progress, progress
from tfrecords_builder.workers import run_tasks

_PROBES = 100

logger = logging.getLogger(__name__)


def build_shards(config: BuildConfig) -> Manifest:
    """Builds shards, offsets, manifest.json, labels.csv and refused.csv in `config.out`, and returns the manifest.

    Photographs that cannot be used are listed in refused.csv; the manifest counts them. Finished shards of an earlier
    run with the same settings are kept.

    Raises:
        OSError: a file or folder is missing or cannot be written, no photograph at all was found, or another build
            runs in the folder.
        ValueError: the CSV is not as it should be, a landmark has no label, or the folder holds another build.
    """
    if not config.images.is_dir():
        raise NotADirectoryError(f"no folder of photographs at {config.images}")
    photographs = select(read_photographs(config.csv), config.selection)
    splits = split_photographs(photographs, config.splits, config.seed)
    labels = _labels(config, splits)
    for rows in splits.values():
        labels.of(rows[LANDMARK].to_numpy())
    _refuse_wrong_folder(config, photographs)
    logger.info("build: %d photographs, %d classes, settings %s", len(photographs), len(labels), config.settings())
    identity = _identity(config)
    with open_state(config.out) as state:
        state.claim(identity)
        results = _write_missing(config, splits, labels, state)
        return _finish(config, splits, labels, identity, results)


def _labels(config: BuildConfig, splits: dict[str, pd.DataFrame]) -> Labels:
    if config.labels is not None:
        return read_labels(config.labels)
    if TRAIN_SPLIT in splits:
        return labels_of(splits[TRAIN_SPLIT][LANDMARK].to_numpy())
    landmarks = np.concatenate([rows[LANDMARK].to_numpy() for rows in splits.values()])
    if np.any(landmarks != NO_LANDMARK_ID):
        raise ValueError(
            f"splits {', '.join(splits)} have landmarks but no split train that numbers them: "
            "give --labels, the labels.csv of the training build"
        )
    return labels_of(landmarks)


def _refuse_wrong_folder(config: BuildConfig, photographs: pd.DataFrame) -> None:
    """Raises FileNotFoundError when none of some hundred photographs exists: a wrong folder, not missing files."""
    step = -(-len(photographs) // _PROBES)
    probes = photographs[ID].iloc[::step].tolist()
    for image_id in probes:
        try:
            locate(config.images, image_id)
        except ImageRefused:
            continue
        return
    raise FileNotFoundError(
        f"none of {len(probes)} photographs of {config.csv} that were looked for is in {config.images}, such as "
        f"{probes[0]}.jpg; is it the right folder (a/b/c/abc….jpg or abc….jpg)?"
    )


def _identity(config: BuildConfig) -> dict[str, Any]:
    """Returns what decides the bytes of the build: inputs, settings and the versions of what encodes them."""
    return {
        "format_version": FORMAT_VERSION,
        "inputs": {"csv": _sha256(config.csv), "labels": _sha256(config.labels) if config.labels else ""},
        "settings": config.settings(),
        "versions": {"numpy": np.__version__, "opencv": cv2.__version__, "pillow": PIL.__version__},
    }


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write_missing(
    config: BuildConfig, splits: dict[str, pd.DataFrame], labels: Labels, state: BuildState
) -> list[ShardResult]:
    names = [shard_name(split, index, config.num_shards) for split in splits for index in range(config.num_shards)]
    if not config.resume:
        for name in names:
            state.forget(name)
    done = {name: result for name in names if (result := state.finished(name)) is not None}
    with progress("build", sum(map(len, splits.values()))) as shown:
        if done:
            logger.info("build: %d of %d shards were finished before and are skipped", len(done), len(names))
            _skip(shown, list(done.values()))
        tasks = _tasks(config, splits, labels, done.keys())
        for result in run_tasks(write_shard, tasks, workers=config.workers, state=shown):
            state.finish(result)
            done[result.entry.name] = result
    return [done[name] for name in sorted(names)]


def _skip(shown: Progress, results: list[ShardResult]) -> None:
    shown.skip(sum(result.entry.records + result.entry.refused for result in results))
    shown.advance(0, refused=sum(result.entry.refused for result in results))


def _tasks(config: BuildConfig, splits: dict[str, pd.DataFrame], labels: Labels, done: Any) -> Iterator[ShardTask]:
    for split, rows in splits.items():
        ids = rows[ID].tolist()
        shards = hash_ids(ids, config.seed, "shard") % np.uint64(config.num_shards)
        order = shuffled_order(ids, shards, config.seed, "place")
        bounds = np.searchsorted(shards[order], np.arange(config.num_shards + 1))
        for index in range(config.num_shards):
            name = shard_name(split, index, config.num_shards)
            if name in done:
                continue
            chosen = rows.iloc[order[bounds[index] : bounds[index + 1]]]
            landmarks = chosen[LANDMARK].to_numpy()
            yield ShardTask(
                name=name,
                out=config.out,
                images=config.images,
                image_ids=chosen[ID].tolist(),
                landmark_ids=landmarks.tolist(),
                labels=labels.of(landmarks).tolist(),
                max_side=config.max_side,
                quality=config.quality,
                limits=config.limits,
            )


def _finish(
    config: BuildConfig,
    splits: dict[str, pd.DataFrame],
    labels: Labels,
    identity: dict[str, Any],
    results: list[ShardResult],
) -> Manifest:
    refused = [image for result in results for image in result.refused]
    labels = _count_records(splits, labels, {image.id for image in refused})
    write_labels(config.out / LABELS_FILE, labels)
    write_refused(config.out, refused)
    fingerprint = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
    manifest = Manifest(
        **identity,
        fingerprint=fingerprint,
        classes=len(labels),
        labels_sha256=labels.digest(),
        shards=tuple(result.entry for result in results),
        refusals=count_reasons(refused),
    )
    write_manifest(config.out, manifest)
    return manifest


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
