"""Divides a catalogue into train, validation, test …, class by class.

Fractions: every class is apportioned by the method of largest remainders; what rounding owes a part is carried to the
next class (in the order of landmark ids), so that the totals hold too. A class with at least as many photographs as
there are parts is in each of them; a smaller one is in the first part at least.

Class size (seed 003, section 2.1): one part gets 25 % of a class below 10 photographs, 5 % from 10 to 100, 1 % above,
rounded half up (the paper does not say; upwards would give each of its 300 classes one of the 271 test photographs),
never a class's only photograph. Fractions then divide the rest.

Which photographs a part gets follows from their ids and the seed, never from the order of the rows.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from tfrecords_builder.ids import shuffled_order
from tfrecords_builder.schema import ID, LANDMARK, TRAIN_SPLIT, validate_split

BY_CLASS_SIZE = "class-size"
_SUM_TOLERANCE = 1e-9


@dataclass(frozen=True, kw_only=True)
class SplitPlan:
    """The parts of a catalogue.

    Attributes:
        names: parts that are apportioned by fraction; the first one, which also gets small classes, is train if there
            is one.
        fractions: of the parts in `names`; they add up to 1.
        by_class_size: a further part, filled by seed 003's rule; "" for none.
    """

    names: tuple[str, ...] = (TRAIN_SPLIT,)
    fractions: tuple[float, ...] = (1.0,)
    by_class_size: str = ""

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

    @property
    def all_names(self) -> tuple[str, ...]:
        """All parts, in the order of the numbers that `assign_splits` returns."""
        return (*self.names, self.by_class_size) if self.by_class_size else self.names


ONLY_TRAIN = SplitPlan()


def parse_plan(arguments: Sequence[str]) -> SplitPlan:
    """Returns the plan that command-line arguments describe.

    Args:
        arguments: none for a single split train; one NAME for a single split of that name; else NAME=FRACTION (0.1)
            and at most one NAME=class-size. What the fractions leave over is train.

    Raises:
        ValueError: an argument is of another form, or the fractions exceed 1.
    """
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


def split_photographs(photographs: pd.DataFrame, plan: SplitPlan, seed: int) -> dict[str, pd.DataFrame]:
    """Returns the rows of each part, by name; rows keep their order and are renumbered from 0."""
    parts = assign_splits(photographs, plan, seed)
    return {name: photographs[parts == number].reset_index(drop=True) for number, name in enumerate(plan.all_names)}


def assign_splits(photographs: pd.DataFrame, plan: SplitPlan, seed: int) -> np.ndarray:
    """Returns the number of each row's part in `plan.all_names`: int8 [N].

    Args:
        photographs: columns id and landmark_id; rows without a landmark count as one class.
        plan: the parts.
        seed: of the choice within a class.
    """
    if len(plan.all_names) == 1:
        return np.zeros(len(photographs), np.int8)
    landmarks = photographs[LANDMARK].to_numpy()
    _, sizes = np.unique(landmarks, return_counts=True)
    counts = apportion(sizes, plan)
    # Rows sorted by class, shuffled within it: the first counts[0] of a class go to part 0, and so on.
    order = shuffled_order(photographs[ID].tolist(), landmarks, seed, "split")
    numbers = np.tile(np.arange(counts.shape[1], dtype=np.int8), len(sizes))
    parts = np.empty(len(photographs), np.int8)
    parts[order] = np.repeat(numbers, counts.ravel())
    return parts


def apportion(sizes: np.ndarray, plan: SplitPlan) -> np.ndarray:
    """Returns how many photographs of each class go to each part: int64 [C, len(plan.all_names)].

    Args:
        sizes: photographs of each class, int [C], at least 1.
        plan: the parts.
    """
    held_out = _by_class_size(sizes) if plan.by_class_size else np.zeros(len(sizes), np.int64)
    counts = np.zeros((len(sizes), len(plan.names)), np.int64)
    owed = [0.0] * len(plan.names)
    for row, size in enumerate((sizes - held_out).tolist()):
        quotas = [size * fraction + debt for fraction, debt in zip(plan.fractions, owed, strict=True)]
        shares = _round_to_sum(quotas, size)
        counts[row] = shares
        # A debt beyond one photograph is forgotten: repaying it would leave large classes out of a part.
        owed = [min(1.0, max(-1.0, quota - share)) for quota, share in zip(quotas, shares, strict=True)]
    return np.column_stack([counts, held_out]) if plan.by_class_size else counts


def _round_to_sum(quotas: list[float], total: int) -> list[int]:
    """Rounds quotas to whole numbers with the given sum, by largest remainder, none left out where possible."""
    parts = range(len(quotas))
    least = [1] * len(quotas) if total >= len(quotas) else [int(part == 0) for part in parts]
    shares = [max(minimum, math.floor(quota)) for minimum, quota in zip(least, quotas, strict=True)]
    while sum(shares) < total:
        shares[max(parts, key=lambda part: (quotas[part] - shares[part], -part))] += 1
    while sum(shares) > total:
        above = [part for part in parts if shares[part] > least[part]]
        shares[min(above, key=lambda part: (quotas[part] - shares[part], -part))] -= 1
    return shares


def _by_class_size(sizes: np.ndarray) -> np.ndarray:
    percent = np.select([sizes < 10, sizes <= 100], [25, 5], 1)
    rounded = (sizes * percent + 50) // 100
    return np.minimum(rounded, sizes - 1)


def _parse_fraction(argument: str, value: str) -> float:
    try:
        return float(value)
    except ValueError:
        raise ValueError(
            f"--split {argument!r}: expected NAME=FRACTION such as validation=0.1, or one NAME={BY_CLASS_SIZE}"
        ) from None
