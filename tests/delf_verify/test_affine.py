import numpy as np
import pytest

from delf_verify import affine
from delf_verify.affine import Limits, plausible, ransac, refine, residuals

LIMITS = Limits(max_scale=3.0, max_stretch=3.0)


def slow_plausible(linear: np.ndarray, limits: Limits) -> bool:
    """The definition, by singular values."""
    large, small = np.linalg.svd(linear, compute_uv=False)
    if np.linalg.det(linear) <= 0:
        return False
    scale = np.sqrt(large * small)
    return large / small <= limits.max_stretch and 1 / limits.max_scale <= scale <= limits.max_scale


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


def test_sampled_maps_go_through_their_samples() -> None:
    rng = np.random.default_rng(1)
    query, index = rng.uniform(0, 100, (2, 4, 2))
    maps = affine._sampled_maps(query, index, 500, 0, Limits(1e6, 1e6))
    assert len(maps)
    for matrix in maps:
        assert (residuals(matrix, query, index) < 1e-6).sum() == 3


def test_counts_against_a_loop() -> None:
    rng = np.random.default_rng(2)
    query, index, maps = rng.uniform(0, 100, (50, 2)), rng.uniform(0, 100, (50, 2)), rng.normal(size=(30, 2, 3))
    expected = [
        sum(np.hypot(*(m[:, :2] @ q + m[:, 2] - i)) <= 60 for q, i in zip(query, index, strict=True)) for m in maps
    ]
    np.testing.assert_array_equal(affine._count_inliers(maps, query, index, 60.0), expected)


def test_counts_do_not_depend_on_the_memory_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    arguments = (rng.normal(size=(30, 2, 3)), rng.uniform(0, 9, (50, 2)), rng.uniform(0, 9, (50, 2)), 5.0)
    whole = affine._count_inliers(*arguments)
    monkeypatch.setattr(affine, "_RESIDUALS_AT_ONCE", 70)
    np.testing.assert_array_equal(affine._count_inliers(*arguments), whole)


def test_refining_never_raises_the_truncated_squares_and_stays_plausible() -> None:
    rng = np.random.default_rng(4)
    query = rng.uniform(0, 400, (80, 2))
    index = query @ np.array([[1.2, 0.1], [-0.2, 0.9]]).T + 7 + rng.normal(scale=6, size=query.shape)

    def cost(matrix: np.ndarray) -> float:
        return float(np.square(np.minimum(residuals(matrix, query, index), 12.0)).sum())

    gains = []
    for seed in range(20):
        matrix = ransac(query, index, residual_px=12.0, trials=30, seed=seed, limits=LIMITS)
        better = refine(matrix, query, index, 12.0, LIMITS)
        assert plausible(better[:, :2], LIMITS)
        gains.append(cost(matrix) - cost(better))
    assert min(gains) >= 0
    assert max(gains) > 100


def test_a_map_through_three_matches_is_not_refined() -> None:
    points = np.array([[0, 0], [0, 50], [50, 0.0]])
    matrix = np.column_stack([np.eye(2), [1, 1]])
    assert refine(matrix, points, points, 5.0, LIMITS) is matrix


def test_no_plausible_sample_gives_none() -> None:
    line = np.column_stack([np.arange(30.0), 2 * np.arange(30.0)])
    assert ransac(line, line, residual_px=5.0, trials=200, seed=0, limits=LIMITS) is None
