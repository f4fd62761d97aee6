"""Chooses classes of a catalogue: by size, by landmark id, by rank."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from tfrecords_builder.schema import LANDMARK, NO_LANDMARK_ID


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Which classes to keep; every condition must hold, `top_classes` is applied last.

    Attributes:
        min_images: photographs a class must have at least (seed 002 keeps classes of 6 and more); 0 asks nothing.
        max_images: photographs a class may have at most; 0 asks nothing.
        top_classes: number of largest classes to keep (seed 002: 12 and 20), ties to the smaller landmark id; 0 keeps
            all.
        first_landmark: smallest landmark id to keep (seed 003: 1000), or None.
        last_landmark: largest landmark id to keep, inclusive (seed 003: 1300), or None.
        landmarks: the only landmark ids to keep; empty keeps all.
    """

    min_images: int = 0
    max_images: int = 0
    top_classes: int = 0
    first_landmark: int | None = None
    last_landmark: int | None = None
    landmarks: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        for name in ("min_images", "max_images", "top_classes"):
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


EVERYTHING = Selection()


def select(photographs: pd.DataFrame, selection: Selection) -> pd.DataFrame:
    """Returns the rows of the selected classes, in their order, renumbered from 0.

    Photographs without a landmark stay only where the selection asks for nothing.

    Args:
        photographs: columns id and landmark_id.
        selection: the conditions.

    Raises:
        ValueError: nothing remains, or a listed landmark is not there.
    """
    if selection == EVERYTHING:
        return photographs
    landmarks = photographs[LANDMARK].to_numpy()
    classes, sizes = np.unique(landmarks[landmarks != NO_LANDMARK_ID], return_counts=True)
    absent = np.setdiff1d(selection.landmarks, classes)
    if absent.size:
        raise ValueError(f"{absent.size} listed landmarks have no photograph, the first is {int(absent[0])}")
    chosen = classes[_conditions(classes, sizes, selection)]
    if selection.top_classes:
        # A stable sort by falling size over ascending ids gives ties to the smaller id.
        chosen_sizes = sizes[np.isin(classes, chosen)]
        chosen = chosen[np.argsort(-chosen_sizes, kind="stable")[: selection.top_classes]]
    if not chosen.size:
        raise ValueError(
            f"no class is left of {len(classes)}, the largest with {sizes.max(initial=0)} photographs: {selection}"
        )
    return photographs[np.isin(landmarks, chosen)].reset_index(drop=True)


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
