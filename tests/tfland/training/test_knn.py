"""kNN against a slow recomputation."""

import numpy as np
import pytest

from tfland.training.knn import NearestNeighbors, choose_index, vote_best, vote_top3


def test_batches_give_what_the_whole_index_gives() -> None:
    rng = np.random.default_rng(3)
    queries, index = rng.normal(size=(7, 5)), rng.normal(size=(23, 5))
    labels = rng.integers(0, 4, 23)
    neighbors = NearestNeighbors(queries.astype(np.float32))
    for start in range(0, 23, 6):
        neighbors.add(index[start : start + 6].astype(np.float32), labels[start : start + 6])
    found_labels, found_cosines = neighbors.best()
    unit = [rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (queries, index)]
    for number in range(7):
        cosines = [float(unit[0][number] @ row) for row in unit[1]]
        best = sorted(range(23), key=lambda i: -cosines[i])[:3]
        np.testing.assert_allclose(found_cosines[number], [cosines[i] for i in best], atol=1e-6)
        np.testing.assert_array_equal(found_labels[number], labels[best])


def test_an_index_of_one() -> None:
    neighbors = NearestNeighbors(np.array([[1.0, 0.0], [0.0, 0.0]], np.float32))
    neighbors.add(np.array([[2.0, 0.0]], np.float32), np.array([4]))
    labels, cosines = neighbors.best()
    assert labels[0].tolist() == [4, -1, -1]
    assert cosines[0].tolist() == [1.0, -np.inf, -np.inf]
    # A vector of length 0 is like nothing; it has a neighbour all the same.
    assert cosines[1, 0] == 0.0
    for vote in (vote_best, vote_top3):
        assert vote(labels, cosines)[0].tolist() == [4, 4]


def test_votes() -> None:
    labels = np.array([[1, 2, 2], [1, 2, 3], [5, 5, 5]])
    cosines = np.array([[0.9, 0.6, 0.5], [0.9, 0.8, 0.7], [0.5, 0.25, 0.25]])
    np.testing.assert_array_equal(vote_best(labels, cosines)[0], [1, 1, 5])
    np.testing.assert_allclose(vote_best(labels, cosines)[1], [0.9, 0.9, 0.5])
    np.testing.assert_array_equal(vote_top3(labels, cosines)[0], [2, 1, 5])
    np.testing.assert_allclose(vote_top3(labels, cosines)[1], [1.1, 0.9, 1.0])


@pytest.mark.parametrize(("per_class", "expected"), [(0, [5, 0, 2]), (2, [2, 0, 2]), (9, [5, 0, 2])])
def test_an_index_has_so_many_of_each_class(per_class: int, expected: list[int]) -> None:
    labels = np.array([0, 1, 2, 0, 0, 2, 0, 0])
    numbers = choose_index(labels, np.array([True, False, True]), per_class, seed=4)
    assert np.bincount(labels[numbers], minlength=3).tolist() == expected
    assert (np.diff(numbers) > 0).all()
    np.testing.assert_array_equal(numbers, choose_index(labels, np.array([True, False, True]), per_class, seed=4))
