"""What a build will do: which photographs go into which shard, with which labels.

Every way of building (processes here, a Beam pipeline, a repair) carries out the same plan, so that all give the same
bytes.
"""

import hashlib
import tempfile
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import PIL
import simplejpeg

from tfrecords_builder.build_state import BuildState
from tfrecords_builder.catalog import read_photographs
from tfrecords_builder.config import BuildConfig
from tfrecords_builder.ids import hash_ids, shuffled_order
from tfrecords_builder.image_limits import ImageRefused
from tfrecords_builder.images import locate
from tfrecords_builder.label_space import require_labels_of
from tfrecords_builder.labels import Labels, labels_of, read_labels
from tfrecords_builder.manifest import FORMAT_VERSION
from tfrecords_builder.schema import ID, LANDMARK, NO_LANDMARK_ID, TRAIN_SPLIT, shard_name
from tfrecords_builder.selection import select
from tfrecords_builder.shard_counts import SAMPLE, counts_for_bytes, counts_for_records, measure, recorded_counts
from tfrecords_builder.shard_writer import ShardTask
from tfrecords_builder.split_files import divide

_PROBES = 100
# Shards of a sample: enough for all workers to share in it.
_SAMPLE_PIECES = 16

# Copies photographs, those that there are, to where `images.locate` looks for them in a folder.
Fetch = Callable[[Sequence[str], Path], None]


@dataclass(frozen=True, kw_only=True)
class BuildPlan:
    """A build before it is carried out.

    Attributes:
        config: its settings.
        splits: the rows (id, landmark_id) of each split.
        labels: the classes.
        shard_counts: files of each split.
        identity: what decides the bytes: inputs, settings, the versions of what encodes them, and shard_counts.
    """

    config: BuildConfig
    splits: dict[str, pd.DataFrame]
    labels: Labels
    shard_counts: dict[str, int]
    identity: dict[str, Any]

    @property
    def names(self) -> list[str]:
        """All shards."""
        return [shard_name(split, index, total) for split, total in self.shard_counts.items() for index in range(total)]

    @property
    def photographs(self) -> int:
        """Photographs of all splits."""
        return sum(map(len, self.splits.values()))

    def tasks(self, skip: Container[str] = ()) -> Iterator[ShardTask]:
        """Yields what to write, shard by shard, but for the shards named in `skip`."""
        config = self.config
        for split, rows in self.splits.items():
            ids, total = rows[ID].tolist(), self.shard_counts[split]
            shards = hash_ids(ids, config.seed, "shard") % np.uint64(total)
            order = shuffled_order(ids, shards, config.seed, "place")
            bounds = np.searchsorted(shards[order], np.arange(total + 1))
            for index in range(total):
                name = shard_name(split, index, total)
                if name in skip:
                    continue
                chosen = rows.iloc[order[bounds[index] : bounds[index + 1]]]
                landmarks = chosen[LANDMARK].to_numpy()
                yield ShardTask(
                    name=name,
                    out=config.out,
                    images=config.images,
                    image_ids=chosen[ID].tolist(),
                    landmark_ids=landmarks.tolist(),
                    labels=self.labels.of(landmarks).tolist(),
                    max_side=config.max_side,
                    resize=config.resize,
                    quality=config.quality,
                    limits=config.limits,
                )


def plan_build(
    config: BuildConfig, *, earlier: Mapping[str, Any] | None = None, fetch: Fetch | None = None
) -> BuildPlan:
    """Returns the plan of a build; reads the catalogue, and a sample of the photographs if shards have a size in bytes.

    Args:
        config: the build.
        earlier: identity of the build that is in `config.out`; None for what the folder itself says.
        fetch: where only the workers see `config.images`, gets photographs from there; None where it is a folder here,
            and then it is an error if none of a hundred photographs is in it.

    Raises:
        OSError: a file or folder is missing, or no photograph at all was found.
        ValueError: the CSV is not as it should be, a landmark has no label, or shards cannot have the size.
    """
    if fetch is None and not config.images.is_dir():
        raise NotADirectoryError(f"no folder of photographs at {config.images}")
    photographs = select(read_photographs(config.csv, label_space=config.label_space), config.selection, config.seed)
    splits = divide(photographs, config.splits, config.seed, split_file=config.split_file, duplicates=config.duplicates)
    labels = _labels(config, splits)
    for rows in splits.values():
        labels.of(rows[LANDMARK].to_numpy())
    if fetch is None:
        _refuse_wrong_folder(config, photographs)
    counts = _count_shards(config, splits, labels, earlier or BuildState(config.out).settings(), fetch)
    identity = build_identity(config, counts)
    return BuildPlan(config=config, splits=splits, labels=labels, shard_counts=counts, identity=identity)


def build_identity(config: BuildConfig, shard_counts: dict[str, int]) -> dict[str, Any]:
    """Returns what decides the bytes of a build: inputs, settings, the versions of what encodes them, shard_counts.

    Raises:
        OSError: an input cannot be read.
    """
    inputs = {
        "csv": config.csv,
        "labels": config.labels,
        "split_file": config.split_file,
        "duplicates": config.duplicates,
        "attribution": config.attribution,
        "categories": config.categories,
    }
    return {
        "format_version": FORMAT_VERSION,
        "inputs": {name: _sha256(path) if path else "" for name, path in inputs.items()},
        "settings": config.settings(),
        "versions": {
            "numpy": np.__version__,
            "opencv": cv2.__version__,
            "pillow": PIL.__version__,
            "simplejpeg": simplejpeg.__version__,
        },
        "shard_counts": shard_counts,
    }


def _count_shards(
    config: BuildConfig,
    splits: dict[str, pd.DataFrame],
    labels: Labels,
    earlier: Mapping[str, Any] | None,
    fetch: Fetch | None,
) -> dict[str, int]:
    if config.num_shards:
        return dict.fromkeys(splits, config.num_shards)
    sizes = {split: len(rows) for split, rows in splits.items()}
    if config.shard_records:
        return counts_for_records(sizes, config.shard_records)
    # The photographs may have changed since: a folder that has been begun keeps its number.
    recorded = recorded_counts(earlier, splits)
    if recorded is not None:
        return recorded
    rows = pd.concat(list(splits.values()), ignore_index=True)
    drawn = rows.iloc[np.argsort(hash_ids(rows[ID].tolist(), config.seed, "sample"), kind="stable")[:SAMPLE]]
    with tempfile.TemporaryDirectory() as scratch:
        if fetch is not None:
            config = replace(config, images=Path(scratch) / "images")
            fetch(drawn[ID].tolist(), config.images)
        counts = {TRAIN_SPLIT: _SAMPLE_PIECES}
        sample = BuildPlan(config=config, splits={TRAIN_SPLIT: drawn}, labels=labels, shard_counts=counts, identity={})
        return counts_for_bytes(sizes, measure(sample.tasks(), len(drawn), config.workers), config.shard_bytes)


def _labels(config: BuildConfig, splits: dict[str, pd.DataFrame]) -> Labels:
    if config.labels is not None:
        require_labels_of(config.labels, config.label_space)
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


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
