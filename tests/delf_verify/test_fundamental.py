import cv2
import numpy as np
import pytest

from delf_verify.affine import Limits
from delf_verify.fundamental import Fundamental, real_cubic_roots

LIMITS = Limits(max_scale=3.0, max_stretch=3.0)
MODEL = Fundamental()


def two_views(seed: int, count: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """Locations (y, x) of points in relief, seen by two cameras."""
    rng = np.random.default_rng(seed)
    points = rng.uniform([-3, -3, 6], [3, 3, 12], (count, 3))
    angle = rng.uniform(-0.3, 0.3)
    turn = np.array([[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]])
    moved = points @ turn.T + rng.uniform(-1.5, 1.5, 3)
    return tuple(600 * view[:, :2] / view[:, 2:] + 400 for view in (points, moved))


def products(matrix: np.ndarray, query: np.ndarray, index: np.ndarray) -> np.ndarray:
    lift = np.column_stack([query, np.ones(len(query))]), np.column_stack([index, np.ones(len(index))])
    return np.einsum("ni,ij,nj->n", lift[1], matrix, lift[0]) / np.linalg.norm(matrix)


def test_cubic_roots_against_numpy() -> None:
    rng = np.random.default_rng(0)
    coefficients = rng.normal(size=(500, 4))
    roots = real_cubic_roots(*coefficients.T)
    for one, found in zip(coefficients, roots, strict=True):
        expected = np.roots(one)
        expected = np.sort(expected[np.abs(expected.imag) < 1e-7].real)
        np.testing.assert_allclose(np.sort(found[np.isfinite(found)]), expected, rtol=1e-5, atol=1e-7)
    assert {np.isfinite(found).sum() for found in roots} == {1, 3}


def test_cubic_roots_of_multiple_and_missing_ones() -> None:
    np.testing.assert_allclose(real_cubic_roots(*np.array([[1.0], [0], [0], [0]]))[0], 0, atol=1e-12)
    # (t - 1)^2 (t + 2)
    np.testing.assert_allclose(np.sort(real_cubic_roots(*np.array([[1.0], [0], [-3], [2]]))[0]), [-2, 1, 1], atol=1e-6)
    assert np.isnan(real_cubic_roots(*np.array([[0.0], [1], [1], [1]]))).all()


def test_solved_matrices_hold_for_their_samples_and_have_rank_two() -> None:
    query, index = two_views(1)
    index = index + np.random.default_rng(1).normal(scale=3, size=index.shape)
    samples = np.random.default_rng(2).permuted(np.tile(np.arange(40), (200, 1)), axis=1)[:, :7]
    total = 0
    for sample in samples:
        for matrix in MODEL.solve(query, index, sample[None], LIMITS):
            total += 1
            squares = MODEL.squared_residuals(matrix[None], query[sample], index[sample])
            assert squares.max() < 1e-6
            assert np.linalg.matrix_rank(matrix / np.linalg.norm(matrix), tol=1e-9) == 2
    assert total > 50


def test_the_true_matrix_is_among_the_solutions() -> None:
    for seed in range(30):
        query, index = two_views(seed)
        maps = MODEL.solve(query, index, np.arange(7)[None], LIMITS)
        assert MODEL.squared_residuals(maps, query, index).max(axis=1).min() < 1e-4, seed


def test_few_matrices_put_wrong_matches_before_both_cameras() -> None:
    """Every seven matches have one matrix or three, but the oriented constraint leaves few of wrong ones."""
    query, index = two_views(3)
    wrong = [len(MODEL.solve(query, np.roll(index, n, axis=0), np.arange(7)[None], LIMITS)) for n in range(1, 40)]
    assert np.mean(wrong) < 0.7


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_sampson_distance_against_a_loop(dtype: type) -> None:
    query, index = two_views(4)
    index = index + np.random.default_rng(4).normal(scale=6, size=index.shape)
    matrix = MODEL.fit(query, index)
    squares = MODEL.squared_residuals(matrix[None], query.astype(dtype), index.astype(dtype))[0]
    assert squares.dtype == dtype
    for place, partner, square in zip(query, index, squares, strict=True):
        p, q = np.array([*place, 1]), np.array([*partner, 1])
        line, back = matrix @ p, matrix.T @ q
        expected = (q @ line) ** 2 / (line[0] ** 2 + line[1] ** 2 + back[0] ** 2 + back[1] ** 2)
        assert square == pytest.approx(expected, rel=0.05 if dtype is np.float32 else 1e-6, abs=1e-2)


def test_fit_against_opencvs_eight_points() -> None:
    query, index = two_views(5)
    index = index + np.random.default_rng(5).normal(size=index.shape)
    expected, _ = cv2.findFundamentalMat(query, index, cv2.FM_8POINT)
    fitted = MODEL.fit(query, index)
    ours, theirs = (MODEL.squared_residuals(matrix[None], query, index).sum() for matrix in (fitted, expected))
    assert ours == pytest.approx(theirs, rel=0.05)
    assert np.abs(products(MODEL.fit(*two_views(6)), *two_views(6))).max() < 1e-6


def test_seven_matches_are_too_few_for_least_squares() -> None:
    query, index = two_views(7, count=7)
    assert MODEL.fit(query, index) is None
    assert MODEL.plausible_at(np.eye(3), query, LIMITS).all()
