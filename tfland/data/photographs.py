"""The photographs of an experiment, checked before anything expensive begins."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tfland.config import DataConfig
from tfland.data.labels import LabelMap, check_labels, read_label_map, read_record_labels
from tfland.data.records import RecordIndex, index_split


@dataclass(frozen=True, kw_only=True)
class Photographs:
    """The photographs of an experiment.

    Attributes:
        label_map: the classes.
        training: the records to train on.
        training_labels: [N] int64, their classes.
        validation: the records to validate on, if any.
        validation_labels: [M] int64, their classes; -1 without a landmark.
    """

    label_map: LabelMap
    training: RecordIndex
    training_labels: np.ndarray
    validation: RecordIndex | None
    validation_labels: np.ndarray

    def digest(self) -> str:
        """Identity of classes and records."""
        digest = hashlib.sha256(self.label_map.digest().encode())
        for index, labels in ((self.training, self.training_labels), (self.validation, self.validation_labels)):
            if index is not None:
                digest.update(index.digest().encode() + labels.tobytes())
        return digest.hexdigest()


def open_photographs(config: DataConfig) -> Photographs:
    """Opens and checks shards and labels.

    Raises:
        ValueError: a label that the model cannot have, or a validation split without any landmark.
        FileNotFoundError: shards, offsets or labels.csv are missing.
        CheckFailed: a corrupt record.
    """
    folder = Path(config.shards)
    label_map = read_label_map(folder)
    training = index_split(folder, config.train_split)
    training_labels = read_record_labels(training)
    check_labels(training_labels, training, len(label_map), training=True)
    validation, validation_labels = None, np.empty(0, dtype=np.int64)
    if config.validation_split is not None:
        validation = index_split(folder, config.validation_split)
        validation_labels = read_record_labels(validation)
        check_labels(validation_labels, validation, len(label_map), training=False)
        if (validation_labels < 0).all():
            raise ValueError(
                f"no photograph of data.validation_split {config.validation_split!r} shows a landmark; "
                "give another split or null"
            )
    return Photographs(
        label_map=label_map,
        training=training,
        training_labels=training_labels,
        validation=validation,
        validation_labels=validation_labels,
    )
