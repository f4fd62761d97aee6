import numpy as np
import pytest

from delf_verify.inliers import count_once, is_spread


def slow_count_once(query: np.ndarray, index: np.ndarray, squares: np.ndarray, residual_px: float) -> np.ndarray:
    """One match after the other, best first."""
    mask, used, used_index = np.zeros(len(query), bool), set(), set()
    for row in np.argsort(squares, kind="stable"):
        place, partner = tuple(np.rint(query[row]).tolist()), tuple(np.rint(index[row]).tolist())
        if squares[row] <= residual_px**2 and place not in used and partner not in used_index:
            used.add(place)
            used_index.add(partner)
            mask[row] = True
    return mask


@pytest.mark.parametrize("places", [2, 8, 30, 1000])
def test_count_once_against_a_loop(places: int) -> None:
    for seed in range(40):
        rng = np.random.default_rng([seed, places])
        query, index = rng.integers(0, places, (2, 60, 2)) + rng.uniform(-0.4, 0.4, (2, 60, 2))
        squares = rng.integers(0, 40, 60).astype(float)
        expected = slow_count_once(query, index, squares, 5.0)
        np.testing.assert_array_equal(count_once(query, index, squares, 5.0), expected)


def test_count_once_of_a_chain_of_rivals() -> None:
    """Each match shares a place with the one before, so they are decided one after the other."""
    query = np.repeat(np.arange(20.0), 2)[:39, None] * [1, 1]
    index = np.repeat(np.arange(20.0), 2)[1:, None] * [1, 1]
    squares = np.arange(39.0)
    np.testing.assert_array_equal(
        count_once(query, index, squares, 100.0), slow_count_once(query, index, squares, 100.0)
    )


def test_count_once_far_from_the_origin_and_without_matches() -> None:
    far = np.array([[1e15, 1.0], [1e15, 2.0], [1e15, 2.0]])
    assert count_once(far, far, np.zeros(3), 1.0).tolist() == [True, True, False]
    assert count_once(far[:0], far[:0], np.zeros(0), 1.0).shape == (0,)
    assert not count_once(far, far, np.full(3, np.inf), 1.0).any()


def test_is_spread_against_singular_values() -> None:
    rng = np.random.default_rng(0)
    for _ in range(100):
        points = rng.normal(size=(30, 2)) @ rng.normal(size=(2, 2)) * 5 + 400
        across = np.linalg.svd(points - points.mean(axis=0), compute_uv=False)[-1] / np.sqrt(30)
        assert is_spread(points, across * 0.999)
        assert not is_spread(points, across * 1.001)


def test_a_line_is_not_spread() -> None:
    line = np.column_stack([np.linspace(0, 500, 60), np.linspace(0, 300, 60)])
    assert not is_spread(line, 0.01)
    assert not is_spread(np.full((5, 2), 3.0), 0.01)
