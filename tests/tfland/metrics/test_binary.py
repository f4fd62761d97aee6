"""AUC against all pairs, the threshold against every one there is."""

import numpy as np
import pytest

from tfland.metrics.binary import auc, best_threshold, binary_scores, precision_recall


@pytest.mark.parametrize("seed", range(8))
def test_auc_is_the_share_of_pairs_in_the_right_order(seed: int) -> None:
    rng = np.random.default_rng([1, seed])
    truth = rng.random(30) < 0.4
    scores = np.round(rng.random(30) + 0.3 * truth, 1)  # rounded, so that there are ties
    pairs = [(a > b) + 0.5 * (a == b) for a in scores[truth] for b in scores[~truth]]
    assert auc(scores, truth) == pytest.approx(np.mean(pairs))


@pytest.mark.parametrize("seed", range(8))
def test_no_threshold_has_a_higher_f1(seed: int) -> None:
    rng = np.random.default_rng([2, seed])
    truth = rng.random(40) < 0.3
    scores = np.round(rng.random(40) + 0.3 * truth, 1)
    threshold, f1 = best_threshold(scores, truth)

    def f1_at(value: float) -> float:
        precision, recall = precision_recall(scores, truth, value)
        return 2 * precision * recall / max(precision + recall, 1e-12)

    assert f1 == pytest.approx(max(f1_at(value) for value in scores))
    assert f1_at(threshold) == pytest.approx(f1)


def test_scores_by_hand() -> None:
    truth = np.array([True, True, False, True, False])
    scores = np.array([0.9, 0.6, 0.55, 0.4, 0.1])
    found = binary_scores(scores, truth)
    # At 0.5: three yes, two of them right, of three. Best with four yes: F1 = 2 * 3 / (4 + 3).
    assert found == pytest.approx({"auc": 5 / 6, "precision": 2 / 3, "recall": 2 / 3, "threshold": 0.25, "f1": 6 / 7})


def test_a_gate_that_never_says_yes() -> None:
    assert precision_recall(np.zeros(2), np.array([True, False]), 0.5) == (0.0, 0.0)
    assert best_threshold(np.full(3, 0.2), np.array([True, False, True])) == pytest.approx((0.2, 0.8))


@pytest.mark.parametrize(
    ("scores", "truth", "message"),
    [
        ([0.1, 0.2], [True, True], "all 2 answers are the same"),
        ([0.1, 0.2], [False, False], "all 2 answers are the same"),
        ([0.1, np.nan], [False, True], "score 1 is NaN"),
        ([0.1], [False, True], "one of each"),
    ],
)
def test_refusals(scores: list[float], truth: list[bool], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        auc(np.array(scores), np.array(truth))
