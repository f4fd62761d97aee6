"""The photographs of an experiment, checked before anything expensive begins."""

import dataclasses
import hashlib
import logging
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tfland.config import DataConfig
from tfland.data.bad_records import (
    BadRecord,
    check_budget,
    digest_of,
    find_bad_records,
    read_bad_records,
    write_bad_records,
)
from tfland.data.labels import LabelMap, check_labels, read_label_map, read_record_labels
from tfland.data.records import RecordIndex, index_split
from tfrecords_builder.terminal import CheckFailed

logger = logging.getLogger(__name__)

# What the classes 0 and 1 of a gate mean.
GATE_CLASSES = ("not", "landmark")


@dataclass(frozen=True, kw_only=True)
class Photographs:
    """The photographs of an experiment.

    Attributes:
        label_map: the classes.
        training: the records to train on.
        training_labels: [N] int64, their classes.
        validation: the records to validate on, if any.
        validation_labels: [M] int64, their classes; -1 without a landmark.
        bad_records: by split, those that `on_bad_record` "skip" found and left out of the above.
        digest_with_bad: identity of the records before anything was left out.
    """

    label_map: LabelMap
    training: RecordIndex
    training_labels: np.ndarray
    validation: RecordIndex | None
    validation_labels: np.ndarray
    bad_records: dict[str, tuple[BadRecord, ...]] = field(default_factory=dict)
    digest_with_bad: str = ""

    def write_bad_records(self, path: Path) -> None:
        """Lists what was left out, for readers and for `open_photographs` of the run's next start."""
        write_bad_records(path, self.bad_records, self.digest_with_bad)

    def digest(self) -> str:
        """Identity of classes and records."""
        digest = hashlib.sha256(self.label_map.digest().encode())
        for index, labels in ((self.training, self.training_labels), (self.validation, self.validation_labels)):
            if index is not None:
                digest.update(index.digest().encode() + labels.tobytes())
        return digest.hexdigest()


def open_photographs(config: DataConfig, checked: Path | None = None, *, gate: bool = False) -> Photographs:
    """Opens and checks shards and labels.

    Args:
        config: the `data` section of an experiment.
        checked: a file that `Photographs.write_bad_records` may have written, which spares `on_bad_record` "skip" the
            reading of every record.
        gate: the photographs of a gate (seed 000, section 3.2): class 1 are those of any landmark, class 0 those
            without one, which are records with label -1.

    Raises:
        ValueError: a label that the model cannot have, a class without training photographs, a validation split
            without any landmark (for a gate: with only one of the two kinds), or negative shards with landmarks.
        FileNotFoundError: shards, offsets or labels.csv are missing.
        CheckFailed: a corrupt record, or more of them than the budget.
    """
    folder = Path(config.shards)
    label_map = read_label_map(folder)
    names = [config.train_split, *([] if config.validation_split is None else [config.validation_split])]
    indices = {name: _open_split(config, name, gate=gate) for name in names}
    digest, bad_records = digest_of(indices), _find_bad(indices, config, checked)
    for name, bad in bad_records.items():
        indices[name] = indices[name].without([record.number for record in bad])
        if not len(indices[name]):
            raise CheckFailed(f"all {len(bad)} records of split {name!r} in {folder} are bad; build the shards again")
    training = indices[config.train_split]
    training_labels = read_record_labels(training)
    check_labels(training_labels, training, len(label_map), training=not gate)
    if not gate:
        _check_classes(label_map, training_labels, config)
    validation, validation_labels = None, np.empty(0, dtype=np.int64)
    if config.validation_split is not None:
        validation = indices[config.validation_split]
        validation_labels = read_record_labels(validation)
        check_labels(validation_labels, validation, len(label_map), training=False)
        if (validation_labels < 0).all():
            raise ValueError(
                f"no photograph of data.validation_split {config.validation_split!r} shows a landmark; "
                "give another split or null"
            )
    if gate:
        label_map, training_labels, validation_labels = _as_gate(
            config, training, training_labels, validation, validation_labels
        )
    return Photographs(
        label_map=label_map,
        training=training,
        training_labels=training_labels,
        validation=validation,
        validation_labels=validation_labels,
        bad_records=bad_records,
        digest_with_bad=digest,
    )


def _open_split(config: DataConfig, name: str, *, gate: bool) -> RecordIndex:
    """The records of a split, those of `data.negative_shards` behind the others."""
    index = index_split(config.shards, name)
    if config.negative_shards is not None:
        index = index.joined(index_split(config.negative_shards, name))
    return dataclasses.replace(index, targets="landmark_or_not") if gate else index


def _as_gate(
    config: DataConfig,
    training: RecordIndex,
    training_labels: np.ndarray,
    validation: RecordIndex | None,
    validation_labels: np.ndarray,
) -> tuple[LabelMap, np.ndarray, np.ndarray]:
    """The two classes of a gate, and for each photograph its class: 1 for any landmark, 0 for none."""
    for index, labels in ((training, training_labels), (validation, validation_labels)):
        if index is not None:
            _check_negatives(config, index, labels)
    shows, validation_shows = (training_labels >= 0).astype(np.int64), (validation_labels >= 0).astype(np.int64)
    counts = np.bincount(shows, minlength=len(GATE_CLASSES))
    remedy = (
        "build shards of photographs without a landmark from a CSV with the column id alone, and name their folder in "
        "data.negative_shards"
    )
    if not counts.all():
        kind = GATE_CLASSES[int(counts.argmin())]
        raise ValueError(f"data.train_split {config.train_split!r} has no photograph of class {kind!r}; {remedy}")
    if validation is not None and validation_shows.all():
        raise ValueError(
            f"data.validation_split {config.validation_split!r} has no photograph of class {GATE_CLASSES[0]!r}, "
            f"without which a gate cannot be judged; {remedy}"
        )
    # labels.csv asks for landmark ids: a gate's are its class indices.
    return LabelMap(landmark_ids=np.arange(len(GATE_CLASSES)), images=counts), shows, validation_shows


def _check_negatives(config: DataConfig, index: RecordIndex, labels: np.ndarray) -> None:
    if config.negative_shards is None:
        return
    folder = Path(config.negative_shards)
    is_negative = np.array([shard.parent == folder for shard in index.shards])[index.shard_numbers]
    bad = np.flatnonzero(is_negative & (labels >= 0))
    if len(bad):
        raise ValueError(
            f"{index.describe(bad[0])}: label {labels[bad[0]]} ({len(bad)} such records), but data.negative_shards "
            "holds photographs without a landmark; build them from a CSV with the column id alone"
        )


def _find_bad(
    indices: dict[str, RecordIndex], config: DataConfig, checked: Path | None
) -> dict[str, tuple[BadRecord, ...]]:
    """The bad records of each split; none, unread, where bad ones end the run anyway."""
    if config.on_bad_record == "fail":
        return {}
    known = None if checked is None else read_bad_records(checked, digest_of(indices))
    bad = known or {name: find_bad_records(index, name) for name, index in indices.items()}
    every = tuple(record for records in bad.values() for record in records)
    check_budget(every, config.bad_record_budget)
    if every:
        logger.warning("%d bad records are left out, the first: %s", len(every), every[0].detail)
    return bad


def _check_classes(label_map: LabelMap, training_labels: np.ndarray, config: DataConfig) -> None:
    """Refuses classes that cannot be learnt: they are in labels.csv but in no training record."""
    empty = np.flatnonzero(np.bincount(training_labels, minlength=len(label_map)) == 0)
    if len(empty):
        raise ValueError(
            f"class {empty[0]} (landmark {label_map.landmark_ids[empty[0]]}) has no photograph in data.train_split "
            f"{config.train_split!r} ({len(empty)} such classes of {len(label_map)}); build shards without them"
        )
