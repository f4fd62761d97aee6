import numpy as np
import pytest

from delf_verify.affine import Affine, Limits, Similarity, plausible, within_limits

LIMITS = Limits(max_scale=3.0, max_stretch=3.0)
ANYTHING = Limits(1e6, 1e6)


def slow_plausible(linear: np.ndarray, limits: Limits) -> bool:
    """The definition, by singular values."""
    large, small = np.linalg.svd(linear, compute_uv=False)
    if np.linalg.det(linear) <= 0:
        return False
    scale = np.sqrt(large * small)
    return large / small <= limits.max_stretch and 1 / limits.max_scale <= scale <= limits.max_scale


def slow_residuals(matrix: np.ndarray, query: np.ndarray, index: np.ndarray) -> np.ndarray:
    return np.array([np.hypot(*(matrix[:, :2] @ q + matrix[:, 2] - i)) for q, i in zip(query, index, strict=True)])


def test_plausible_against_singular_values() -> None:
    linear = np.random.default_rng(0).normal(size=(2000, 2, 2)) * 1.5
    expected = [slow_plausible(one, LIMITS) for one in linear]
    np.testing.assert_array_equal(plausible(linear, LIMITS), expected)
    assert 100 < sum(expected) < 1000


@pytest.mark.parametrize(
    ("linear", "expected"),
    [
        ([[1, 0], [0, 1]], True),
        ([[0, -1], [1, 0]], True),
        ([[1, 0], [0, -1]], False),
        ([[2.9, 0], [0, 2.9]], True),
        ([[3.1, 0], [0, 3.1]], False),
        ([[0.3, 0], [0, 0.3]], False),
        ([[1, 0], [0, 0.3]], False),
        ([[0, 0], [0, 0]], False),
        ([[1, 2], [2, 4]], False),
        ([[np.nan, 0], [0, 1]], False),
    ],
)
def test_plausible_by_hand(linear: list, expected: bool) -> None:
    assert plausible(np.array(linear, float), LIMITS) == expected


def test_a_map_without_stretch_meets_the_limit_one() -> None:
    angles = np.linspace(0, 6, 50)
    turns = np.array([[[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]] for a in angles]) * 1.3
    assert plausible(turns, Limits(2.0, 1.0)).all()


def test_nan_is_within_no_limits() -> None:
    assert not within_limits(np.array([np.nan, 1.0]), np.array([2.0, np.nan]), LIMITS).any()


@pytest.mark.parametrize(("model", "size"), [(Affine(), 3), (Similarity(), 2)])
def test_solved_maps_go_through_their_samples(model: Affine, size: int) -> None:
    rng = np.random.default_rng(1)
    query, index = rng.uniform(0, 100, (2, 30, 2))
    samples = rng.permuted(np.tile(np.arange(30), (400, 1)), axis=1)[:, :size]
    maps = model.solve(query, index, samples, ANYTHING)
    assert len(maps) > 50
    for matrix in maps:
        assert (slow_residuals(matrix, query, index) < 1e-6).sum() == size


@pytest.mark.parametrize("size", [2, 3])
def test_solve_keeps_the_plausible_maps_and_no_other(size: int) -> None:
    model = {2: Similarity(), 3: Affine()}[size]
    rng = np.random.default_rng(2)
    query, index = rng.uniform(0, 400, (2, 40, 2))
    samples = rng.integers(0, 40, (1000, size))
    everything = model.solve(query, index, samples, ANYTHING)
    kept = model.solve(query, index, samples, LIMITS)
    expected = [matrix for matrix in everything if slow_plausible(matrix[:, :2], LIMITS)]
    np.testing.assert_array_equal(kept, expected)
    assert 20 < len(kept) < len(everything)


@pytest.mark.parametrize(("model", "size"), [(Affine(), 3), (Similarity(), 2)])
def test_repeated_and_collinear_samples_give_no_map(model: Affine, size: int) -> None:
    line = np.column_stack([np.arange(30.0), 2 * np.arange(30.0)])
    repeated = np.full((5, size), 4)
    assert model.solve(line, line, repeated, ANYTHING).shape == (0, 2, 3)
    if size == 3:
        assert not len(model.solve(line, line, np.arange(30).reshape(10, 3), ANYTHING))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_squared_residuals_against_a_loop(dtype: type) -> None:
    rng = np.random.default_rng(3)
    query, index, maps = rng.uniform(0, 100, (50, 2)), rng.uniform(0, 100, (50, 2)), rng.normal(size=(30, 2, 3))
    squares = Affine().squared_residuals(maps, query.astype(dtype), index.astype(dtype))
    assert squares.dtype == dtype
    expected = [slow_residuals(matrix, query, index) ** 2 for matrix in maps]
    np.testing.assert_allclose(squares, expected, rtol=1e-3 if dtype is np.float32 else 1e-9, atol=1e-2)


def test_affine_fit_against_lstsq() -> None:
    rng = np.random.default_rng(4)
    query, index = rng.uniform(0, 400, (40, 2)), rng.uniform(0, 400, (40, 2))
    expected = np.linalg.lstsq(np.column_stack([query, np.ones(40)]), index, rcond=None)[0].T
    np.testing.assert_allclose(Affine().fit(query, index), expected, rtol=1e-9, atol=1e-9)


def test_similarity_fit_against_lstsq() -> None:
    rng = np.random.default_rng(5)
    query, index = rng.uniform(0, 400, (40, 2)), rng.uniform(0, 400, (40, 2))
    (y, x), ones, zeros = query.T, np.ones(40), np.zeros(40)
    # y' = c y - s x + t, x' = s y + c x + u.
    design = np.concatenate([np.column_stack([y, -x, ones, zeros]), np.column_stack([x, y, zeros, ones])])
    c, s, t, u = np.linalg.lstsq(design, np.concatenate(index.T), rcond=None)[0]
    np.testing.assert_allclose(Similarity().fit(query, index), [[c, -s, t], [s, c, u]], rtol=1e-9, atol=1e-9)


def test_points_that_fix_no_map_give_none() -> None:
    line = np.column_stack([np.arange(30.0), 2 * np.arange(30.0)])
    assert Affine().fit(line, line) is None
    assert Similarity().fit(np.full((3, 2), 7.0), line[:3]) is None


def test_plausible_at_every_point_or_none() -> None:
    points = np.zeros((4, 2))
    assert Affine().plausible_at(np.array([[1, 0, 5], [0, 1, 5.0]]), points, LIMITS).tolist() == [True] * 4
    assert Affine().plausible_at(np.array([[1, 0, 5], [0, -1, 5.0]]), points, LIMITS).tolist() == [False] * 4
