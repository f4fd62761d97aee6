import numpy as np
import pytest

from delf_verify.decision import Verdict, decide
from delf_verify.pair_tuning import tune_pairs
from tfrecords_builder.terminal import CheckFailed

INLIERS = np.array([0, 3, 5, 9, 8, 15, 30, 60])
SAME = np.array([0, 0, 0, 0, 1, 1, 1, 1], dtype=bool)


def test_a_wanted_precision_at_the_highest_recall() -> None:
    result = tune_pairs(INLIERS, SAME, precision=1.0)
    assert 9 < result.thresholds.max_inliers <= 15
    assert (result.objective, result.true_kept, result.false_kept) == (1.0, 0.75, 0.0)
    lenient = tune_pairs(INLIERS, SAME, precision=0.8)
    assert 5 < lenient.thresholds.max_inliers <= 8
    assert lenient.true_kept == 1


def test_a_wanted_recall_at_the_highest_precision() -> None:
    result = tune_pairs(INLIERS, SAME, recall=1.0)
    assert (result.objective, result.true_kept) == (4 / 5, 1.0)


def test_the_rule_decides_a_pair_as_tuned() -> None:
    """With one image the mean is the maximum: it must not confirm below the threshold."""
    thresholds = tune_pairs(INLIERS, SAME, precision=1.0, extractor="x").thresholds
    assert decide(9, 9.0, thresholds) is not Verdict.CONFIRMED
    assert decide(15, 15.0, thresholds) is Verdict.CONFIRMED
    assert thresholds.extractor == "x"


def test_a_precision_out_of_reach_is_said() -> None:
    with pytest.raises(CheckFailed, match=r"no threshold reaches precision 0\.99: the best is 0\.500"):
        tune_pairs(np.array([5, 5]), np.array([True, False]), precision=0.99)


@pytest.mark.parametrize("wish", [{}, {"precision": 0.9, "recall": 0.9}, {"precision": 0.0}, {"recall": 1.2}])
def test_exactly_one_wish(wish: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="give either precision or recall"):
        tune_pairs(INLIERS, SAME, **wish)


def test_one_kind_of_pairs_is_not_enough() -> None:
    with pytest.raises(ValueError, match="2 labelled pairs of one kind only"):
        tune_pairs(np.array([1, 2]), np.array([True, True]), precision=0.9)
