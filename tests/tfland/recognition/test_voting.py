"""Votes, blending and frequent labels against arithmetic by hand."""

import numpy as np
import pytest

from tfland.recognition.voting import Candidates, blend, knn, penalise_frequent, sum_by_landmark, vote


def candidates(*rows: tuple[int, int, float]) -> Candidates:
    query_rows, landmarks, scores = (np.array(column) for column in zip(*rows, strict=True))
    return Candidates.sort(query_rows, landmarks, scores)


def listed(found: Candidates) -> list[tuple[int, int, float]]:
    rows = zip(found.query_rows.tolist(), found.landmark_ids.tolist(), found.scores.tolist(), strict=True)
    return [(query, landmark, round(score, 5)) for query, landmark, score in rows]


def test_sums_by_landmark() -> None:
    landmarks = np.array([7, 5, 7, 9])
    scores = np.array([[0.9, 0.8, 0.3], [0.5, 0.5, -np.inf], [-np.inf] * 3], np.float32)
    rows = np.array([[1, 0, 2], [3, 1, -1], [-1, -1, -1]])
    # Query 0: landmark 7 has 0.8 + 0.3; query 1: a tie, the smaller landmark first; query 2 found nothing.
    assert listed(sum_by_landmark(scores, rows, landmarks)) == [(0, 7, 1.1), (0, 5, 0.9), (1, 5, 0.5), (1, 9, 0.5)]


def test_knn_takes_powers_of_cosines() -> None:
    index = np.array([[1, 0], [0.6, 0.8], [-1, 0]], np.float32)
    found = knn(np.array([[2, 0]], np.float32), index, np.array([4, 3, 2]), neighbors=3, power=8)
    assert listed(found) == [(0, 4, 1.0), (0, 3, round(0.6**8, 5)), (0, 2, 0.0)]
    with pytest.raises(ValueError, match="the power of a vote must not be negative, got -1"):
        vote(np.ones((1, 1)), np.zeros((1, 1), int), np.array([1]), -1)


def test_the_best_of_each_query() -> None:
    found = candidates((2, 5, 0.1), (0, 4, 0.3), (0, 1, 0.5), (2, 3, 0.1))
    assert listed(found.best()) == [(0, 1, 0.5), (2, 3, 0.1)]
    assert len(found.best(2)) == 4


def test_blend() -> None:
    neighbors = candidates((0, 5, 0.5), (0, 6, 0.9), (1, 5, -0.2))
    head = candidates((0, 5, 0.6), (0, 8, 0.2), (1, 8, 0.7))
    # Landmark 6 is not listed: its probability is at most 0.2. A negative vote is none.
    found = blend(neighbors, head, neighbor_power=2, head_power=1)
    assert listed(found) == [(0, 6, 0.162), (0, 5, 0.15), (1, 5, 0.0)]
    assert listed(blend(neighbors, head, head_power=0)) == [(0, 6, 0.9), (0, 5, 0.5), (1, 5, 0.0)]


def test_blend_refuses() -> None:
    neighbors, head = candidates((0, 5, 0.5), (3, 5, 0.5)), candidates((0, 5, 0.6))
    with pytest.raises(ValueError, match="query 3 has neighbours and no probability"):
        blend(neighbors, head)
    with pytest.raises(ValueError, match=r"powers must not be negative, got 1\.0 and -2"):
        blend(neighbors, head, head_power=-2)


def test_frequent_labels() -> None:
    """Landmark 5 is the best of three queries; where there is another candidate, that one comes first now."""
    found = candidates((0, 5, 0.9), (1, 5, 0.8), (2, 5, 0.7), (2, 6, 0.6), (3, 6, 0.5))
    assert listed(penalise_frequent(found, more_than=3)) == listed(found)
    expected = [(0, 5, -0.1), (1, 5, -0.2), (2, 6, 0.6), (2, 5, -0.3), (3, 6, 0.5)]
    assert listed(penalise_frequent(found, more_than=2)) == expected
    with pytest.raises(ValueError, match=r"more_than is -1 and penalty is 1\.0; neither"):
        penalise_frequent(found, more_than=-1)
