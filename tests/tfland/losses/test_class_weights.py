"""Weights by class size: the formulas, and their average over the photographs."""

import math

import numpy as np
import pytest

from tfland.losses import effective_number_weights, log_weights

COUNTS = [2, 6, 30, 6272]


@pytest.mark.parametrize("weights", [log_weights(COUNTS), effective_number_weights(COUNTS)])
def test_they_average_one_over_the_photographs_and_fall_with_size(weights: np.ndarray) -> None:
    assert (weights * COUNTS).sum() / sum(COUNTS) == pytest.approx(1)
    assert (np.diff(weights) < 0).all()


def test_log_weights_are_in_the_ratios_of_the_formula() -> None:
    expected = [1 / math.log(1 + n) for n in COUNTS]
    found = log_weights(COUNTS)
    np.testing.assert_allclose(found / found[0], np.array(expected) / expected[0])


@pytest.mark.parametrize("beta", [0.0, 0.9, 0.9999])
def test_effective_numbers_are_the_sum_of_powers(beta: float) -> None:
    # (1 − β^n) / (1 − β) = 1 + β + … + β^(n−1).
    numbers = np.array([sum(beta**k for k in range(n)) for n in COUNTS])
    found = effective_number_weights(COUNTS, beta)
    np.testing.assert_allclose(found / found[0], numbers[0] / numbers)


def test_an_empty_class_is_no_division_by_zero() -> None:
    for function in (log_weights, effective_number_weights):
        found = function([0, 4, 4])
        assert np.isfinite(found).all()
        np.testing.assert_allclose(found[1:], 1)


def test_no_photographs_at_all_are_refused() -> None:
    with pytest.raises(ValueError, match="none of 3 classes has a training photograph"):
        log_weights([0, 0, 0])
