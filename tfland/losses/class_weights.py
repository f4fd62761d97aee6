"""Weights of classes by their size, for data with a long tail."""

from collections.abc import Sequence

import numpy as np


def log_weights(class_counts: Sequence[int]) -> np.ndarray:
    """`1 / log(1 + n)` for a class of n photographs, as in the published code of the 2020 winner (seed 001).

    That code makes the weights average 1 over the classes, which matters without the division by the batch's sum alone:
    with a long tail the photographs would then weigh less than 1, as if the learning rate were lower.

    Args:
        class_counts: [C] training photographs of each class; an empty class counts as one.

    Returns:
        [C] float64, scaled so that the training photographs' weights average 1.

    Raises:
        ValueError: no class has a photograph.
    """
    return _averaging_one(1 / np.log1p(_sizes(class_counts)), class_counts)


def effective_number_weights(class_counts: Sequence[int], beta: float = 0.9999) -> np.ndarray:
    """`(1 − β) / (1 − β^n)` for a class of n photographs: the inverse of the effective number of samples.

    Cui et al. 2019, https://arxiv.org/abs/1901.05555, section 4. LDAM's deferred re-weighting (Cao et al. 2019,
    https://arxiv.org/abs/1906.07413, section 3.3, and its published code) uses it with β = 0.9999.

    Args:
        class_counts: [C] training photographs of each class; an empty class counts as one.
        beta: β in [0, 1); 0 weights all classes equally.

    Returns:
        [C] float64, scaled so that the training photographs' weights average 1.

    Raises:
        ValueError: no class has a photograph.
    """
    return _averaging_one((1 - beta) / (1 - beta ** _sizes(class_counts)), class_counts)


def _sizes(class_counts: Sequence[int]) -> np.ndarray:
    return np.maximum(np.asarray(class_counts, np.float64), 1)


def _averaging_one(weights: np.ndarray, class_counts: Sequence[int]) -> np.ndarray:
    counts = np.asarray(class_counts, np.float64)
    if not counts.sum() > 0:
        raise ValueError(f"none of {len(counts)} classes has a training photograph; class weights need their numbers")
    return weights * counts.sum() / (weights * counts).sum()
