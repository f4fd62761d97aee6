"""mAP@100 and precision at k against the host's definition, a query and a result at a time."""

import numpy as np
import pytest

from tfland.metrics.retrieval import (
    average_precisions,
    mean_average_precision,
    precision_at,
    retrieval_scores,
    same_landmark,
)


def slow_map(results: list[list[str]], answers: list[set[str]], at: int) -> float:
    total = 0.0
    for found, right in zip(results, answers, strict=True):
        hits, precision, seen = 0, 0.0, set()
        for rank, name in enumerate(found[:at], start=1):
            if name in right and name not in seen:
                hits += 1
                precision += hits / rank
            seen.add(name)
        total += precision / min(len(right), at)
    return total / len(answers)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("at", [1, 3, 100])
def test_against_the_definition(seed: int, at: int) -> None:
    rng = np.random.default_rng(seed)
    names = [str(number) for number in range(30)]
    answers = [set(rng.choice(names, rng.integers(1, 20), replace=False)) for _ in range(7)]
    results = [rng.permutation(names)[:12].tolist() for _ in answers]
    relevant = np.array([[name in right for name in found] for found, right in zip(results, answers, strict=True)])
    counts = np.array([len(right) for right in answers])
    assert mean_average_precision(relevant, counts, at) == pytest.approx(slow_map(results, answers, at))
    slow = np.mean([sum(n in right for n in found[:at]) / at for found, right in zip(results, answers, strict=True)])
    assert precision_at(relevant, at) == pytest.approx(slow)


def test_worked_example() -> None:
    # First query: right at 1 and 3 of two: (1 + 2/3) / 2. Second: right at 2, four in the index: (1/2) / 4.
    relevant = np.array([[True, False, True], [False, True, False]])
    assert average_precisions(relevant, np.array([2, 4])) == pytest.approx([(1 + 2 / 3) / 2, 1 / 8])
    scores = retrieval_scores(relevant, np.array([2, 4]))
    assert scores["precision_at_1"] == 0.5
    assert scores["precision_at_5"] == pytest.approx(3 / 10)
    assert scores["queries"] == 2


def test_nothing_found_scores_zero() -> None:
    assert mean_average_precision(np.zeros((2, 0), bool), np.array([1, 1])) == 0.0


def test_more_right_ones_than_ranks() -> None:
    assert mean_average_precision(np.ones((1, 100), bool), np.array([500])) == 1.0


def test_same_landmark() -> None:
    relevant, counts = same_landmark(np.array([7, 9, 8]), np.array([7, 8, 7]), np.array([[0, 1], [1, 2], [1, 0]]))
    assert relevant.tolist() == [[True, False], [False, False], [True, False]]
    assert counts.tolist() == [2, 0, 1]


@pytest.mark.parametrize(
    ("relevant", "counts", "at", "message"),
    [
        (np.zeros((0, 3), bool), [], 100, "no query to score"),
        (np.zeros((1, 3), bool), [0], 100, "query number 0 has no right photograph"),
        (np.zeros((1, 3), bool), [1, 2], 100, r"shape \(1, 3\) for 2 queries"),
        (np.zeros((1, 3), bool), [1], 0, "rank 0"),
    ],
)
def test_refusals(relevant: np.ndarray, counts: list[int], at: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        mean_average_precision(relevant, np.array(counts), at)
