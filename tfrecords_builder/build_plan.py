"""What a build will do: which photographs go into which shard, with which labels.

Every way of building (processes here, a Beam pipeline, a repair) carries out the same plan, so that all give the same
bytes.
"""

import hashlib
from collections.abc import Container, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import PIL
import simplejpeg

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
from tfrecords_builder.shard_writer import ShardTask
from tfrecords_builder.split_files import divide

_PROBES = 100


@dataclass(frozen=True, kw_only=True)
class BuildPlan:
    """A build before it is carried out.

    Attributes:
        config: its settings.
        splits: the rows (id, landmark_id) of each split.
        labels: the classes.
        identity: what decides the bytes: inputs, settings and the versions of what encodes them.
    """

    config: BuildConfig
    splits: dict[str, pd.DataFrame]
    labels: Labels
    identity: dict[str, Any]

    @property
    def names(self) -> list[str]:
        """All shards."""
        total = self.config.num_shards
        return [shard_name(split, index, total) for split in self.splits for index in range(total)]

    @property
    def photographs(self) -> int:
        """Photographs of all splits."""
        return sum(map(len, self.splits.values()))

    def tasks(self, skip: Container[str] = ()) -> Iterator[ShardTask]:
        """Yields what to write, shard by shard, but for the shards named in `skip`."""
        config = self.config
        for split, rows in self.splits.items():
            ids = rows[ID].tolist()
            shards = hash_ids(ids, config.seed, "shard") % np.uint64(config.num_shards)
            order = shuffled_order(ids, shards, config.seed, "place")
            bounds = np.searchsorted(shards[order], np.arange(config.num_shards + 1))
            for index in range(config.num_shards):
                name = shard_name(split, index, config.num_shards)
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


def plan_build(config: BuildConfig, *, look_for_photographs: bool = True) -> BuildPlan:
    """Returns the plan of a build; reads the catalogue.

    Args:
        config: the build.
        look_for_photographs: fail where none of a hundred photographs is in the folder; not for folders that only
            workers see.

    Raises:
        OSError: a file or folder is missing, or no photograph at all was found.
        ValueError: the CSV is not as it should be, or a landmark has no label.
    """
    if look_for_photographs and not config.images.is_dir():
        raise NotADirectoryError(f"no folder of photographs at {config.images}")
    photographs = select(read_photographs(config.csv, label_space=config.label_space), config.selection, config.seed)
    splits = divide(photographs, config.splits, config.seed, split_file=config.split_file, duplicates=config.duplicates)
    labels = _labels(config, splits)
    for rows in splits.values():
        labels.of(rows[LANDMARK].to_numpy())
    if look_for_photographs:
        _refuse_wrong_folder(config, photographs)
    return BuildPlan(config=config, splits=splits, labels=labels, identity=build_identity(config))


def build_identity(config: BuildConfig) -> dict[str, Any]:
    """Returns what decides the bytes of a build: inputs, settings and the versions of what encodes them.

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
    }


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
