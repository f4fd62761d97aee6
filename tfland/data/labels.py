"""Class indices: what they mean (labels.csv) and which one each record has."""

import mmap
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tfland.data.records import FOOTER_BYTES, HEADER_BYTES, RecordIndex, read_record
from tfrecords_builder import schema
from tfrecords_builder.labels import Labels as LabelMap
from tfrecords_builder.labels import read_labels


def read_label_map(folder: Path | str) -> LabelMap:
    """Reads the labels.csv of a build or of a model directory.

    Raises:
        FileNotFoundError: it is missing.
        ValueError: its columns or its numbers are not those of a labels.csv.
    """
    path = Path(folder) / schema.LABELS_FILE
    if not path.exists():
        raise FileNotFoundError(f"{path} is missing; it says which class index is which landmark")
    return read_labels(path)


def check_same_labels(model: LabelMap, data: LabelMap, where: str) -> None:
    """Refuses data whose class indices mean other landmarks than the model's.

    Args:
        model: the model's classes.
        data: the build's classes.
        where: the folder of the data, for the message.

    Raises:
        ValueError: they differ; the message names the first difference.
    """
    if len(model) != len(data):
        raise ValueError(f"{where} was built with {len(data)} classes, the model has {len(model)}; use its own shards")
    different = np.flatnonzero(model.landmark_ids != data.landmark_ids)
    if len(different):
        label = int(different[0])
        ours, theirs = model.landmark_ids[label], data.landmark_ids[label]
        raise ValueError(
            f"{where} was built with other labels: class {label} is landmark {theirs} there and {ours} in the model"
        )


def read_record_labels(index: RecordIndex) -> np.ndarray:
    """Reads the label of every record, touching only the pages that hold one: [N] int64, -1 without landmark.

    Raises:
        CheckFailed: a record is corrupt; the message names shard and offset.
    """
    labels = np.empty(len(index), dtype=np.int64)
    for shard_number, shard in enumerate(index.shards):
        numbers = np.flatnonzero(index.shard_numbers == shard_number)
        if not len(numbers):
            continue
        with shard.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            ends = np.append(index.offsets[numbers[1:]], len(data))
            for number, end in zip(numbers, ends, strict=True):
                labels[number] = _read_label(data, index, int(number), int(end))
    return labels


def check_labels(labels: np.ndarray, index: RecordIndex, num_classes: int, *, training: bool) -> None:
    """Refuses labels that the model cannot have.

    Args:
        labels: [N] int, from `read_record_labels`.
        index: the records that they belong to.
        num_classes: C of the model.
        training: also refuse -1, a photograph without a landmark.

    Raises:
        ValueError: a label is outside the allowed range; the message names label, shard and offset.
    """
    lowest = 0 if training else schema.NO_LANDMARK_LABEL
    bad = np.flatnonzero((labels < lowest) | (labels >= num_classes))
    if not len(bad):
        return
    label, record = labels[bad[0]], index.describe(bad[0])
    if label == schema.NO_LANDMARK_LABEL:
        rule = "training takes no photograph without a landmark; leave them out of the training split"
    else:
        rule = f"labels.csv has the classes 0 to {num_classes - 1}"
    raise ValueError(f"{record}: label {label} ({len(bad)} such records); {rule}")


def _read_label(data: mmap.mmap, index: RecordIndex, number: int, end: int) -> int:
    try:
        entry = _label_entry(data, int(index.offsets[number]) + HEADER_BYTES, end - FOOTER_BYTES)
    except (IndexError, ValueError):
        entry = None
    if entry is None:
        # The whole record says what is wrong with it, or holds the label in a form that the short way does not know.
        return read_record(index, number).label
    return entry


def _label_entry(data: mmap.mmap, start: int, end: int) -> int | None:
    """The label of the serialised Example in data[start:end]: Example{1: Features{1: {1: key, 2: Feature}}}."""
    for features_start, features_end in _submessages(data, start, end):
        for entry_start, entry_end in _submessages(data, features_start, features_end):
            key, feature = list(_submessages(data, entry_start, entry_end))[:2]
            if data[slice(*key)] != schema.LABEL.encode():
                continue
            (numbers,) = _submessages(data, *feature)
            ((first, last),) = _submessages(data, *numbers)
            value, stop = _varint(data, first)
            if stop != last:
                return None
            return value - (1 << 64) if value >> 63 else value
    return None


def _submessages(data: mmap.mmap, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yields (start, end) of the length-delimited fields in data[start:end]."""
    while start < end:
        key, start = _varint(data, start)
        length, start = _varint(data, start)
        if key & 7 != 2 or start + length > end:
            raise ValueError(f"no length-delimited field at byte {start}")
        yield start, start + length
        start += length


def _varint(data: mmap.mmap, position: int) -> tuple[int, int]:
    value = shift = 0
    while shift < 64:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
    raise ValueError(f"broken number before byte {position}")
