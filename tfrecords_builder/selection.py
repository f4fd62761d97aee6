"""Chooses classes and photographs of a catalogue: by size, by landmark id, by rank, by lot."""

from dataclasses import dataclass, fields

import numpy as np
import pandas as pd

from tfrecords_builder.ids import hash_ids, shuffled_order
from tfrecords_builder.schema import ID, LANDMARK, NO_LANDMARK_ID

_COUNTS = ("min_images", "max_images", "top_classes", "sample_classes", "images_per_class", "sample_images")


@dataclass(frozen=True, kw_only=True)
class Selection:
    """What to keep; every condition must hold. They are applied in the order in which they stand here.

    Attributes:
        min_images: photographs a class must have at least (seed 002 keeps classes of 6 and more); 0 asks nothing.
        max_images: photographs a class may have at most; 0 asks nothing.
        first_landmark: smallest landmark id to keep (seed 003: 1000), or None.
        last_landmark: largest landmark id to keep, inclusive (seed 003: 1300), or None.
        landmarks: the only landmark ids to keep; empty keeps all.
        top_classes: number of largest classes to keep (seed 002: 12 and 20), ties to the smaller landmark id; 0 keeps
            all.
        sample_classes: number of classes to draw by lot; 0 keeps all.
        images_per_class: photographs to keep of each class, drawn by lot; 0 keeps all.
        sample_images: number of photographs to draw by lot from what is left; 0 keeps all.
    """

    min_images: int = 0
    max_images: int = 0
    first_landmark: int | None = None
    last_landmark: int | None = None
    landmarks: tuple[int, ...] = ()
    top_classes: int = 0
    sample_classes: int = 0
    images_per_class: int = 0
    sample_images: int = 0

    def __post_init__(self) -> None:
        for name in _COUNTS:
            value = getattr(self, name)
            if value < 0:
                raise ValueError(f"{name}={value}: must be 0 (no condition) or more")
        if self.max_images and self.max_images < self.min_images:
            raise ValueError(f"max_images={self.max_images} is below min_images={self.min_images}")
        first, last = self.first_landmark, self.last_landmark
        if first is not None and last is not None and first > last:
            raise ValueError(f"first_landmark={first} is above last_landmark={last}")
        if len(set(self.landmarks)) != len(self.landmarks):
            raise ValueError(f"landmarks={self.landmarks}: a landmark is listed twice")

    @property
    def asks_of_classes(self) -> bool:
        """Whether a condition is on classes; photographs without a landmark then have no place."""
        other = [getattr(self, field.name) != field.default for field in fields(self) if field.name != "sample_images"]
        return any(other)


EVERYTHING = Selection()


def select(photographs: pd.DataFrame, selection: Selection, seed: int = 0) -> pd.DataFrame:
    """Returns the selected rows, in their order, renumbered from 0.

    Photographs without a landmark stay only where nothing is asked of classes. What is drawn by lot follows from ids
    and the seed: neither the order of the rows nor other rows change a photograph's lot.

    Args:
        photographs: columns id and landmark_id.
        selection: the conditions.
        seed: of what is drawn by lot.

    Raises:
        ValueError: nothing remains, or a listed landmark is not there.
    """
    if selection == EVERYTHING:
        return photographs
    keep = np.ones(len(photographs), bool)
    if selection.asks_of_classes:
        landmarks = photographs[LANDMARK].to_numpy()
        keep = np.isin(landmarks, _choose_classes(landmarks, selection, seed))
    if selection.images_per_class:
        keep = _limit_classes(photographs, keep, selection.images_per_class, seed)
    if selection.sample_images:
        rows = np.flatnonzero(keep)
        numbers = hash_ids(photographs[ID].iloc[rows].tolist(), seed, "sample")
        keep = np.zeros(len(photographs), bool)
        keep[rows[np.argsort(numbers, kind="stable")[: selection.sample_images]]] = True
    return photographs[keep].reset_index(drop=True)


def class_size_bins(photographs: pd.DataFrame, thresholds: tuple[int, ...]) -> dict[str, pd.DataFrame]:
    """Returns the photographs of each bin of class sizes, so that each can have a classifier of its own (seed 000).

    Args:
        photographs: columns id and landmark_id.
        thresholds: smallest sizes of the bins, falling: (30, 15) gives classes of 30 and more photographs and of 15 to
            29 (seed 000's two). Classes below the last one, and photographs without a landmark, are in no bin.

    Returns:
        The rows by name ("30_and_more", "15_to_29"), each in the catalogue's order.

    Raises:
        ValueError: the thresholds do not fall, or a bin has no class.
    """
    if not thresholds or thresholds[-1] < 1 or np.any(np.diff(thresholds) >= 0):
        raise ValueError(f"bins {','.join(map(str, thresholds))}: give falling class sizes of 1 and more such as 30,15")
    bins = {}
    for place, smallest in enumerate(thresholds):
        largest = thresholds[place - 1] - 1 if place else 0
        name = f"{smallest}_to_{largest}" if largest else f"{smallest}_and_more"
        try:
            bins[name] = select(photographs, Selection(min_images=smallest, max_images=largest))
        except ValueError as error:
            raise ValueError(f"bin {name} is empty: {error}") from error
    return bins


def _choose_classes(landmarks: np.ndarray, selection: Selection, seed: int) -> np.ndarray:
    classes, sizes = np.unique(landmarks[landmarks != NO_LANDMARK_ID], return_counts=True)
    absent = np.setdiff1d(selection.landmarks, classes)
    if absent.size:
        raise ValueError(f"{absent.size} listed landmarks have no photograph, the first is {int(absent[0])}")
    met = _conditions(classes, sizes, selection)
    chosen = classes[met]
    if not chosen.size:
        raise ValueError(
            f"no class is left of {len(classes)}, the largest with {sizes.max(initial=0)} photographs: {selection}"
        )
    if selection.top_classes:
        # A stable sort by falling size over ascending ids gives ties to the smaller id.
        chosen = chosen[np.argsort(-sizes[met], kind="stable")[: selection.top_classes]]
    if selection.sample_classes:
        numbers = hash_ids(map(str, chosen.tolist()), seed, "sample classes")
        chosen = chosen[np.argsort(numbers, kind="stable")[: selection.sample_classes]]
    return chosen


def _conditions(classes: np.ndarray, sizes: np.ndarray, selection: Selection) -> np.ndarray:
    keep = sizes >= selection.min_images
    if selection.max_images:
        keep &= sizes <= selection.max_images
    if selection.first_landmark is not None:
        keep &= classes >= selection.first_landmark
    if selection.last_landmark is not None:
        keep &= classes <= selection.last_landmark
    if selection.landmarks:
        keep &= np.isin(classes, selection.landmarks)
    return keep


def _limit_classes(photographs: pd.DataFrame, keep: np.ndarray, limit: int, seed: int) -> np.ndarray:
    rows = np.flatnonzero(keep)
    landmarks = photographs[LANDMARK].to_numpy()[rows]
    order = shuffled_order(photographs[ID].iloc[rows].tolist(), landmarks, seed, "images per class")
    _, starts, sizes = np.unique(landmarks[order], return_index=True, return_counts=True)
    places = np.arange(len(rows)) - np.repeat(starts, sizes)
    kept = np.zeros(len(photographs), bool)
    kept[rows[order[places < limit]]] = True
    return kept
