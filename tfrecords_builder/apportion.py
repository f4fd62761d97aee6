"""How many photographs of each class a part of a split gets.

Fractions: every class is apportioned by the method of largest remainders; what rounding owes a part is carried to the
next class (in the order of landmark ids). A class with at least as many photographs as there are parts is in each of
them; a smaller one is in the first part at least. In thousands of small classes that gives a small part too much: the
largest classes settle it, one photograph each, so that the totals hold too.

Class size (seed 003, section 2.1): one part gets 25 % of a class below 10 photographs, 5 % from 10 to 100, 1 % above,
rounded half up (the paper does not say; upwards would give each of its 300 classes one of the 271 test photographs),
never a class's only photograph. Fractions then divide the rest.

Folds: every class is dealt out one photograph at a time, going on where the class before it stopped. Folds therefore
differ by at most one photograph, in a class and in all; a class with fewer photographs than folds is in that many.
"""

import math
from collections.abc import Sequence

import numpy as np


def apportion_fractions(sizes: np.ndarray, fractions: Sequence[float]) -> np.ndarray:
    """Returns how many photographs of each class go to each part: int64 [C, len(fractions)].

    Args:
        sizes: photographs of each class, int [C].
        fractions: of the parts; they add up to 1.
    """
    counts = np.zeros((len(sizes), len(fractions)), np.int64)
    owed = [0.0] * len(fractions)
    for row, size in enumerate(sizes.tolist()):
        quotas = [size * fraction + debt for fraction, debt in zip(fractions, owed, strict=True)]
        shares = round_to_sum(quotas, size, least_of_each(size, len(quotas)))
        counts[row] = shares
        # A debt beyond one photograph is forgotten: repaying it would leave large classes out of a part.
        owed = [min(1.0, max(-1.0, quota - share)) for quota, share in zip(quotas, shares, strict=True)]
    _settle(counts, np.asarray(sizes), np.array(fractions))
    return counts


def _settle(counts: np.ndarray, sizes: np.ndarray, fractions: np.ndarray) -> None:
    """Moves photographs of the largest classes, one each, from parts of too many to parts of too few."""
    largest_first = np.argsort(-sizes, kind="stable")
    untouched = np.ones(len(sizes), bool)
    while True:
        excess = counts.sum(axis=0) - sizes.sum() * fractions
        giver, taker = int(excess.argmax()), int(excess.argmin())
        moves = int(min(excess[giver], -excess[taker]))
        can_give = largest_first[untouched[largest_first] & (counts[largest_first, giver] >= 2)][:moves]
        # Below one photograph it is rounding, and the last class may owe that.
        if max(excess[giver], -excess[taker]) <= 1 or not can_give.size:
            return
        counts[can_give, giver] -= 1
        counts[can_give, taker] += 1
        untouched[can_give] = False


def apportion_by_class_size(sizes: np.ndarray) -> np.ndarray:
    """Returns the photographs that seed 003's rule holds out of each class: int64 [C].

    Args:
        sizes: photographs of each class, int [C], at least 1.
    """
    percent = np.select([sizes < 10, sizes <= 100], [25, 5], 1)
    rounded = (sizes * percent + 50) // 100
    return np.minimum(rounded, sizes - 1)


def apportion_folds(sizes: np.ndarray, folds: int) -> np.ndarray:
    """Returns how many photographs of each class go to each fold: int64 [C, folds].

    Args:
        sizes: photographs of each class, int [C].
        folds: how many.
    """
    ends = np.cumsum(sizes)
    starts = ends - sizes
    # Of the first n photographs, dealt out in turn, fold k gets ceil((n - k) / folds).
    turns = np.arange(folds)
    return -((turns - ends[:, None]) // folds) + (turns - starts[:, None]) // folds


def least_of_each(total: int, parts: int) -> list[int]:
    """Returns what each part of a class must get: one, or, of too small a class, one for the first part."""
    return [1] * parts if total >= parts else [int(part == 0 and total > 0) for part in range(parts)]


def round_to_sum(quotas: Sequence[float], total: int, least: Sequence[int]) -> list[int]:
    """Rounds quotas to whole numbers with the given sum by largest remainder, none below its least.

    Args:
        quotas: what each part would get if photographs could be cut.
        total: the sum to reach; at least that of `least`.
        least: smallest allowed share of each part.
    """
    parts = range(len(quotas))
    shares = [max(minimum, math.floor(quota)) for minimum, quota in zip(least, quotas, strict=True)]
    while sum(shares) < total:
        shares[max(parts, key=lambda part: (quotas[part] - shares[part], -part))] += 1
    while sum(shares) > total:
        above = [part for part in parts if shares[part] > least[part]]
        shares[min(above, key=lambda part: (quotas[part] - shares[part], -part))] -= 1
    return shares
