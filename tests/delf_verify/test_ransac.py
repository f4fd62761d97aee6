import numpy as np
import pytest

from delf_verify import ransac as module
from delf_verify.affine import Limits, plausible
from delf_verify.maps import MODELS, Search
from delf_verify.ransac import count_inliers, enough_samples, ransac, refine, squared_residuals

LIMITS = Limits(max_scale=3.0, max_stretch=3.0)
SEARCH = Search(residual_px=12.0, trials=1000, confidence=0.999, seed=0, limits=LIMITS)
AFFINE = MODELS["affine"]


def noisy(seed: int = 4) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    query = rng.uniform(0, 400, (80, 2))
    return query, query @ np.array([[1.2, 0.1], [-0.2, 0.9]]).T + 7 + rng.normal(scale=6, size=query.shape)


def shrunk(matrix: np.ndarray) -> float:
    """The factor of areas of a similarity or an affine map, at most 1."""
    return min(1.0, np.linalg.det(matrix[:, :2])) if matrix.shape == (2, 3) else 1.0


def test_a_residual_counts_in_the_image_in_which_it_is_larger() -> None:
    query, _ = noisy()
    half = np.array([[0.5, 0, 3], [0, 0.5, 4]])
    index = query / 2 + [3, 4] + [5.0, 0]
    np.testing.assert_allclose(squared_residuals(AFFINE, half, query, index, LIMITS), 10.0**2)
    assert count_inliers(AFFINE, half[None], query, index, 9.9).tolist() == [0]
    assert count_inliers(AFFINE, half[None], query, index, 10.1).tolist() == [80]
    double = np.array([[2.0, 0, 0], [0, 2, 0]])
    np.testing.assert_allclose(squared_residuals(AFFINE, double, query, query * 2 + [5, 0], LIMITS), 5.0**2)


@pytest.mark.parametrize("name", MODELS)
def test_counts_against_single_maps(name: str) -> None:
    query, index = noisy()
    samples = np.random.default_rng(2).integers(0, 80, (60, MODELS[name].min_matches))
    maps = MODELS[name].solve(query, index, samples, LIMITS)
    assert len(maps) > 5
    expected = [(MODELS[name].squared_residuals(one[None], query, index) <= 60**2 * shrunk(one)).sum() for one in maps]
    np.testing.assert_array_equal(count_inliers(MODELS[name], maps, query, index, 60.0), expected)
    assert max(expected) > 0


def test_counts_do_not_depend_on_the_memory_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    query, index = noisy()
    maps = np.random.default_rng(3).normal(size=(30, 2, 3))
    whole = count_inliers(AFFINE, maps, query, index, 50.0)
    monkeypatch.setattr(module, "_RESIDUALS_AT_ONCE", 170)
    np.testing.assert_array_equal(count_inliers(AFFINE, maps, query, index, 50.0), whole)


@pytest.mark.parametrize(("share", "size"), [(0.1, 3), (0.5, 3), (0.9, 7), (0.03, 2)])
def test_enough_samples_miss_with_the_wanted_probability(share: float, size: int) -> None:
    count = enough_samples(share, size, 0.999)
    assert (1 - share**size) ** count == pytest.approx(0.001, rel=1e-6)


def test_enough_samples_at_the_ends() -> None:
    assert enough_samples(0.0, 3, 0.999) == np.inf
    assert enough_samples(1e-4, 7, 0.999) == np.inf
    assert enough_samples(1.0, 3, 0.999) == 0


def test_it_stops_early_with_many_inliers_and_not_with_few(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = []
    solve = AFFINE.solve

    class Counting(type(AFFINE)):
        def solve(self, query, index, samples, limits):
            drawn.append(len(samples))
            return solve(query, index, samples, limits)

    query, index = noisy()
    ransac(Counting(), query, index, SEARCH._replace(trials=5000))
    assert drawn == [250]
    drawn.clear()
    ransac(Counting(), query, np.random.default_rng(0).uniform(0, 400, (80, 2)), SEARCH._replace(trials=1200))
    assert drawn == [250, 750, 200]


def test_more_trials_begin_with_the_same_samples() -> None:
    np.testing.assert_array_equal(module._draws(3, 100, 3), module._draws(3, 900, 3)[:100])
    assert not np.array_equal(module._draws(3, 100, 3), module._draws(4, 100, 3))


def test_refining_never_raises_the_truncated_squares_and_stays_plausible() -> None:
    query, index = noisy()

    def cost(matrix: np.ndarray) -> float:
        squares = AFFINE.squared_residuals(matrix[None], query, index) / shrunk(matrix)
        return float(np.minimum(squares, 12.0**2).sum())

    gains = []
    for seed in range(20):
        matrix = ransac(AFFINE, query, index, SEARCH._replace(trials=30, seed=seed))
        better = refine(AFFINE, matrix, query, index, SEARCH)
        assert plausible(better[:, :2], LIMITS)
        gains.append(cost(matrix) - cost(better))
    assert min(gains) >= 0
    assert max(gains) > 100


def test_a_map_through_three_matches_is_not_refined() -> None:
    points = np.array([[0, 0], [0, 50], [50, 0.0]])
    matrix = np.column_stack([np.eye(2), [1, 1]])
    assert refine(AFFINE, matrix, points, points, SEARCH) is matrix


def test_an_implausible_map_has_infinite_residuals() -> None:
    query, _ = noisy()
    mirror = np.array([[1.0, 0, 0], [0, -1, 0]])
    assert np.isinf(squared_residuals(AFFINE, mirror, query, query * [1, -1], LIMITS)).all()


def test_no_plausible_sample_gives_none() -> None:
    line = np.column_stack([np.arange(30.0), 2 * np.arange(30.0)])
    for name in ("affine", "homography"):
        assert ransac(MODELS[name], line, line, SEARCH) is None
