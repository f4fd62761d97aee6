"""Margins by class size: the fewer photographs a class has, the larger its margin."""

from collections.abc import Sequence

import numpy as np


def dynamic_margins(
    class_counts: Sequence[int], *, smallest_class: float, largest_class: float, exponent: float = 0.25
) -> np.ndarray:
    """ArcFace's margins `a · n^(−λ) + b`, with a and b such that both ends are met.

    Ha et al. 2020, third place of the 2020 challenge, https://arxiv.org/abs/2010.05350; in its published code λ = 1/4,
    0.5 for the smallest class and 0.05 for the largest. Where all classes are of one size they all have the margin of
    the smallest.

    Args:
        class_counts: [C] training photographs of each class; an empty class counts as one.
        smallest_class: margin of the smallest class in radians.
        largest_class: margin of the largest class in radians.
        exponent: λ, above 0.

    Returns:
        [C] float64, radians.
    """
    powers = _sizes(class_counts) ** -exponent
    low, high = powers.min(), powers.max()
    if low == high:
        return np.full(len(powers), smallest_class)
    return largest_class + (smallest_class - largest_class) * (powers - low) / (high - low)


def ldam_margins(class_counts: Sequence[int], largest_margin: float = 0.5) -> np.ndarray:
    """LDAM's margins `Δ_j = C / n_j^(1/4)` (seed 002, equation 2), with C such that the smallest class has the largest.

    Args:
        class_counts: [C] training photographs of each class; an empty class counts as one.
        largest_margin: the margin of the smallest class, in units of the unscaled logits.

    Returns:
        [C] float64.
    """
    powers = _sizes(class_counts) ** -0.25
    return largest_margin * powers / powers.max()


def _sizes(class_counts: Sequence[int]) -> np.ndarray:
    return np.maximum(np.asarray(class_counts, np.float64), 1)
