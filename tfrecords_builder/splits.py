"""Divides a catalogue into train, validation, test …, class by class: by fractions, seed 003's rule, or in folds.

How many photographs of a class a part gets: `apportion`. Near-duplicates stay together: `grouped_split`. Which
photographs a part gets follows from their ids and the seed, never from the order of the rows.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from tfrecords_builder.apportion import apportion_by_class_size, apportion_folds, apportion_fractions
from tfrecords_builder.grouped_split import place_groups
from tfrecords_builder.ids import shuffled_order
from tfrecords_builder.schema import ID, LANDMARK, TRAIN_SPLIT, VALIDATION_SPLIT, validate_split

BY_CLASS_SIZE = "class-size"
MAX_FOLDS = 100
_SUM_TOLERANCE = 1e-9


@dataclass(frozen=True, kw_only=True)
class SplitPlan:
    """The parts of a catalogue.

    Attributes:
        names: parts that are apportioned by fraction; the first one, which also gets small classes, is train if there
            is one.
        fractions: of the parts in `names`; they add up to 1.
        by_class_size: a further part, filled by seed 003's rule; "" for none.
        folds: number of equal parts fold_0, fold_1 …, in place of the parts above; 0 for none.
        fold: the fold that is validation, all others being train; None keeps the folds apart.
    """

    names: tuple[str, ...] = (TRAIN_SPLIT,)
    fractions: tuple[float, ...] = (1.0,)
    by_class_size: str = ""
    folds: int = 0
    fold: int | None = None

    def __post_init__(self) -> None:
        for name in self.all_names:
            validate_split(name)
        if len(set(self.all_names)) != len(self.all_names):
            raise ValueError(f"splits {', '.join(self.all_names)}: a name occurs twice")
        if len(self.names) != len(self.fractions) or not self.names:
            raise ValueError(f"{len(self.names)} split names but {len(self.fractions)} fractions")
        for name, fraction in zip(self.names, self.fractions, strict=True):
            if not 0 < fraction <= 1:
                raise ValueError(f"split {name}={fraction}: the fraction must be above 0 and at most 1")
        if abs(math.fsum(self.fractions) - 1) > _SUM_TOLERANCE:
            raise ValueError(f"split fractions {self.fractions} add up to {math.fsum(self.fractions)}, not to 1")
        self._check_folds()

    def _check_folds(self) -> None:
        if self.folds and not 2 <= self.folds <= MAX_FOLDS:
            raise ValueError(f"folds={self.folds}: choose 2 to {MAX_FOLDS}, or 0 for none")
        if self.folds and (self.names != (TRAIN_SPLIT,) or self.by_class_size):
            raise ValueError(f"folds={self.folds} and split {self.names[-1]}: a catalogue is divided in one way")
        if self.fold is not None and not 0 <= self.fold < self.folds:
            raise ValueError(f"fold={self.fold}: {self.folds} folds count from 0 to {self.folds - 1}")

    @property
    def all_names(self) -> tuple[str, ...]:
        """All parts, in the order of the numbers that `assign_splits` returns."""
        if self.folds:
            folds = tuple(f"fold_{number}" for number in range(self.folds))
            return folds if self.fold is None else (TRAIN_SPLIT, VALIDATION_SPLIT)
        return (*self.names, self.by_class_size) if self.by_class_size else self.names


ONLY_TRAIN = SplitPlan()


def parse_plan(arguments: Sequence[str], *, folds: int = 0, fold: int | None = None) -> SplitPlan:
    """Returns the plan that command-line arguments describe.

    Args:
        arguments: none for a single split train; one NAME for a single split of that name; else NAME=FRACTION (0.1)
            and at most one NAME=class-size. What the fractions leave over is train.
        folds: see `SplitPlan`; not together with arguments.
        fold: see `SplitPlan`.

    Raises:
        ValueError: an argument is of another form, or the fractions exceed 1.
    """
    if folds or fold is not None:
        if arguments:
            raise ValueError(f"--split {arguments[0]!r} and --folds {folds}: a catalogue is divided in one way")
        return SplitPlan(folds=folds, fold=fold)
    if not arguments:
        return ONLY_TRAIN
    if len(arguments) == 1 and "=" not in arguments[0]:
        return SplitPlan(names=(arguments[0],))
    fractions: dict[str, float] = {}
    by_class_size = ""
    for argument in arguments:
        name, _, value = argument.partition("=")
        if name in fractions or name == by_class_size:
            raise ValueError(f"split {name!r} is given twice")
        if value == BY_CLASS_SIZE and not by_class_size:
            by_class_size = name
        else:
            fractions[name] = _parse_fraction(argument, value)
    # Rounded, so that what a command says is what a manifest shows: 0.72, not 0.7200000000000001.
    left = round(1 - math.fsum(fractions.values()), 12)
    if TRAIN_SPLIT not in fractions and left > _SUM_TOLERANCE:
        fractions = {TRAIN_SPLIT: left, **fractions}
    names = sorted(fractions, key=lambda name: name != TRAIN_SPLIT)
    return SplitPlan(
        names=tuple(names), fractions=tuple(fractions[name] for name in names), by_class_size=by_class_size
    )


def split_photographs(
    photographs: pd.DataFrame, plan: SplitPlan, seed: int, groups: np.ndarray | None = None
) -> dict[str, pd.DataFrame]:
    """Returns the rows of each part, by name; rows keep their order and are renumbered from 0."""
    parts = assign_splits(photographs, plan, seed, groups)
    return {name: photographs[parts == number].reset_index(drop=True) for number, name in enumerate(plan.all_names)}


def assign_splits(
    photographs: pd.DataFrame, plan: SplitPlan, seed: int, groups: np.ndarray | None = None
) -> np.ndarray:
    """Returns the number of each row's part in `plan.all_names`: int8 [N].

    Args:
        photographs: columns id and landmark_id; rows without a landmark count as one class.
        plan: the parts.
        seed: of the choice within a class.
        groups: near-duplicates to keep in one part, int [N], as `split_files.read_duplicates` returns it; None for
            none.
    """
    if len(plan.all_names) == 1:
        return np.zeros(len(photographs), np.int8)
    landmarks, ids = photographs[LANDMARK].to_numpy(), photographs[ID].tolist()
    _, sizes = np.unique(landmarks, return_counts=True)
    counts = apportion(sizes, plan)
    parts = np.full(len(ids), -1, np.int8)
    if groups is None:
        order = shuffled_order(ids, landmarks, seed, "split")
    else:
        _, classes = np.unique(landmarks, return_inverse=True)
        parts, counts = place_groups(ids, classes, groups, counts, seed)
        rows = np.flatnonzero(parts < 0)
        order = rows[shuffled_order([ids[row] for row in rows.tolist()], landmarks[rows], seed, "split")]
    # Rows sorted by class, shuffled within it: the first counts[0] of a class go to part 0, and so on.
    numbers = np.tile(np.arange(counts.shape[1], dtype=np.int8), len(sizes))
    parts[order] = np.repeat(numbers, counts.ravel())
    return parts if plan.fold is None else (parts == plan.fold).astype(np.int8)


def apportion(sizes: np.ndarray, plan: SplitPlan) -> np.ndarray:
    """Returns how many photographs of each class go to each part, or to each fold: int64 [C, P].

    Args:
        sizes: photographs of each class, int [C], at least 1.
        plan: the parts.
    """
    if plan.folds:
        return apportion_folds(sizes, plan.folds)
    if not plan.by_class_size:
        return apportion_fractions(sizes, plan.fractions)
    held_out = apportion_by_class_size(sizes)
    return np.column_stack([apportion_fractions(sizes - held_out, plan.fractions), held_out])


def _parse_fraction(argument: str, value: str) -> float:
    try:
        return float(value)
    except ValueError:
        raise ValueError(
            f"--split {argument!r}: expected NAME=FRACTION such as validation=0.1, or one NAME={BY_CLASS_SIZE}"
        ) from None
