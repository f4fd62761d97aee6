"""The classes of a build: which label (class index) means which landmark; labels.csv."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from tfrecords_builder.atomic import atomic_write
from tfrecords_builder.csv_table import first_bad, line_of, parse_integers, read_columns
from tfrecords_builder.schema import CLASS_INDEX, IMAGES, LANDMARK, NO_LANDMARK_ID, NO_LANDMARK_LABEL


@dataclass(frozen=True, kw_only=True)
class Labels:
    """Classes in the order of their labels.

    Attributes:
        landmark_ids: int64 [C], ascending; the label of a landmark is its place.
        images: int64 [C], records of the split train.
    """

    landmark_ids: np.ndarray
    images: np.ndarray

    def __post_init__(self) -> None:
        if self.landmark_ids.shape != self.images.shape or self.landmark_ids.ndim != 1:
            raise ValueError(f"{self.landmark_ids.shape} landmarks but {self.images.shape} image counts")
        if np.any(np.diff(self.landmark_ids) <= 0):
            raise ValueError("landmark ids of labels must ascend")

    def __len__(self) -> int:
        return len(self.landmark_ids)

    def of(self, landmarks: np.ndarray) -> np.ndarray:
        """Returns the labels of landmarks: int64 [N], NO_LANDMARK_LABEL for NO_LANDMARK_ID.

        Raises:
            ValueError: a landmark has no label.
        """
        has_landmark = landmarks != NO_LANDMARK_ID
        places = np.searchsorted(self.landmark_ids, landmarks)
        known = places < len(self)
        known[known] = self.landmark_ids[places[known]] == landmarks[known]
        unknown = np.unique(landmarks[has_landmark & ~known])
        if unknown.size:
            raise ValueError(
                f"{unknown.size} landmarks are not among the {len(self)} classes, the first is {int(unknown[0])}; "
                "drop their rows or use the labels of the right build"
            )
        return np.where(has_landmark, places, NO_LANDMARK_LABEL).astype(np.int64)

    def digest(self) -> str:
        """Returns the sha256 of the class order; builds and models fit together when it is equal."""
        return hashlib.sha256("\n".join(map(str, self.landmark_ids.tolist())).encode()).hexdigest()


def labels_of(landmarks: np.ndarray) -> Labels:
    """Returns the classes of training photographs, numbered by ascending landmark id, with their sizes.

    Args:
        landmarks: landmark ids, int64 [N]; NO_LANDMARK_ID is left out.
    """
    landmark_ids, images = np.unique(landmarks[landmarks != NO_LANDMARK_ID], return_counts=True)
    return Labels(landmark_ids=landmark_ids, images=images.astype(np.int64))


def write_labels(path: Path | str, labels: Labels) -> None:
    """Writes labels.csv: label,landmark_id,images."""
    table = pd.DataFrame({CLASS_INDEX: np.arange(len(labels)), LANDMARK: labels.landmark_ids, IMAGES: labels.images})
    with atomic_write(path, newline="") as file:
        table.to_csv(file, index=False, lineterminator="\n")


def read_labels(path: Path | str) -> Labels:
    """Returns the classes of a labels.csv.

    Raises:
        OSError: the file cannot be read.
        ValueError: a column is missing, or the labels are not 0, 1, 2 … with ascending landmark ids.
    """
    table = read_columns(path, [CLASS_INDEX, LANDMARK, IMAGES], allow_empty=True)
    label, landmark, images = (parse_integers(path, table[name]) for name in (CLASS_INDEX, LANDMARK, IMAGES))
    row = first_bad(label == np.arange(len(label)))
    if row is not None:
        raise ValueError(f"{path}, line {line_of(row)}: label {label[row]}, expected {row}: they count from 0")
    row = first_bad(np.diff(landmark, prepend=-1) > 0)
    if row is not None:
        raise ValueError(
            f"{path}, line {line_of(row)}: landmark_id {landmark[row]} does not come after {landmark[row - 1]}"
        )
    return Labels(landmark_ids=landmark, images=images)
