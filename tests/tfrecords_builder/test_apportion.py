import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfrecords_builder.apportion import apportion_by_class_size, apportion_folds, round_to_sum

SIZES = st.lists(st.integers(0, 60), min_size=1, max_size=40)


@settings(deadline=None)
@given(SIZES, st.integers(2, 11))
def test_folds_differ_by_at_most_one_photograph(sizes, folds):
    counts = apportion_folds(np.array(sizes), folds)
    assert counts.sum(axis=1).tolist() == sizes
    assert np.ptp(counts, axis=1).max() <= 1
    assert np.ptp(counts.sum(axis=0)) <= 1


@settings(deadline=None)
@given(SIZES, st.integers(2, 11))
def test_folds_are_dealt_like_cards(sizes, folds):
    expected, turn = np.zeros((len(sizes), folds), int), 0
    for row, size in enumerate(sizes):
        for _ in range(size):
            expected[row, turn % folds] += 1
            turn += 1
    assert apportion_folds(np.array(sizes), folds).tolist() == expected.tolist()


def test_seed_003_holds_out_whole_photographs_and_never_the_only_one():
    assert apportion_by_class_size(np.array([1, 2, 8, 100, 101, 249, 250])).tolist() == [0, 1, 2, 5, 1, 2, 3]


@pytest.mark.parametrize(
    ("quotas", "total", "least", "shares"),
    [
        ([7.2, 1.8, 1.0], 10, [1, 1, 1], [7, 2, 1]),
        ([2.1, 0.5, 0.4], 3, [1, 1, 1], [1, 1, 1]),
        ([0.4, 0.3, 0.3], 1, [0, 0, 0], [1, 0, 0]),
        ([3.0, 0.0], 3, [0, 1], [2, 1]),
    ],
)
def test_rounding_keeps_the_sum(quotas, total, least, shares):
    assert round_to_sum(quotas, total, least) == shares
