"""Margins by class size: the published code's numbers, their ends and their order."""

import numpy as np
import pytest

from tfland.losses import dynamic_margins, ldam_margins

# The real training set's smallest and largest class are of 2 and 6,272 photographs (seed 002, section 3.1).
COUNTS = [2, 6, 30, 6272]


def test_ldam_margins_follow_the_fourth_root() -> None:
    # C = 0.5 · 2^(1/4) = 0.59460; Δ = C / n^(1/4).
    expected = [0.5, 0.59460356 / 6**0.25, 0.59460356 / 30**0.25, 0.59460356 / 6272**0.25]
    np.testing.assert_allclose(ldam_margins(COUNTS), expected, rtol=1e-6)
    assert ldam_margins(COUNTS)[3] == pytest.approx(0.0668151, rel=1e-4)
    np.testing.assert_allclose(ldam_margins(COUNTS, 0.8), ldam_margins(COUNTS) * 1.6)


def test_dynamic_margins_are_those_of_the_published_code() -> None:
    # tmp = sqrt(1 / sqrt(n)); (tmp - min) / (max - min) * 0.45 + 0.05.
    root = np.sqrt(1 / np.sqrt(np.array(COUNTS, float)))
    expected = (root - root.min()) / (root.max() - root.min()) * 0.45 + 0.05
    found = dynamic_margins(COUNTS, smallest_class=0.5, largest_class=0.05)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    np.testing.assert_allclose(found[[0, 3]], [0.5, 0.05])


def test_a_larger_exponent_moves_the_middle_down() -> None:
    flat, steep = (dynamic_margins(COUNTS, smallest_class=0.5, largest_class=0.1, exponent=e) for e in (0.1, 1.0))
    assert (steep[1:3] < flat[1:3]).all()
    np.testing.assert_allclose(steep[[0, 3]], flat[[0, 3]])


@pytest.mark.parametrize("counts", [[5, 5, 5], [1], [0, 0]])
def test_classes_of_one_size_have_the_margin_of_the_smallest(counts: list[int]) -> None:
    np.testing.assert_array_equal(dynamic_margins(counts, smallest_class=0.4, largest_class=0.1), 0.4)
    np.testing.assert_array_equal(ldam_margins(counts, 0.4), 0.4)


def test_an_empty_class_counts_as_one_photograph() -> None:
    np.testing.assert_array_equal(ldam_margins([0, 9]), ldam_margins([1, 9]))
    both = [dynamic_margins([n, 9], smallest_class=0.4, largest_class=0.1) for n in (0, 1)]
    np.testing.assert_array_equal(*both)
