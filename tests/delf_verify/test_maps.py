"""Every model through every engine that knows it."""

import numpy as np
import pytest

from delf_verify.geometry import ENGINES, GeometryConfig, estimate_geometry
from delf_verify.maps import MODELS

PAIRS = [(engine, model) for engine, models in ENGINES.items() for model in models if engine != "scales"]
RESIDUAL_PX = 6.0
TILTED = np.array([[1.0, 0.1, 20.0], [-0.1, 0.9, 30.0], [4e-4, 2e-4, 1.0]])


def planted(model: str, seed: int, count: int = 120, outliers: int = 50) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Matches of which the last ones agree on a map of this kind: (query, index, which agree)."""
    rng = np.random.default_rng([seed, 5])
    query = rng.uniform(0, 800, (count, 2))
    if model == "similarity":
        index = query @ np.array([[0.9, -0.5], [0.5, 0.9]]).T + [30, -20]
    elif model == "affine":
        index = query @ np.array([[1.1, -0.3], [0.2, 0.7]]).T + [30, -20]
    elif model == "homography":
        lifted = np.column_stack([query, np.ones(count)]) @ TILTED.T
        index = lifted[:, :2] / lifted[:, 2:]
    else:
        query, index = relief(rng, count)
    index = index + rng.normal(scale=1.0, size=index.shape)
    index[:outliers] = rng.uniform(-100, 900, (outliers, 2))
    return query, index, np.arange(count) >= outliers


def relief(rng: np.random.Generator, count: int, depth: float = 6.0) -> tuple[np.ndarray, np.ndarray]:
    """Locations of points in relief seen by two cameras; of a plane with depth=0."""
    points = rng.uniform([-3, -3, 0], [3, 3, 1], (count, 3)) * [1, 1, depth] + [0, 0, 7]
    turn = np.array([[1, 0, 0], [0, 0.98, -0.199], [0, 0.199, 0.98]])
    moved = points @ turn.T + [1.5, -0.4, 0.5]
    first, second = (600 * view[:, :2] / view[:, 2:] + 400 for view in (points, moved))
    return first, second


def config(engine: str, model: str) -> GeometryConfig:
    slow = engine == "skimage"
    return GeometryConfig(engine=engine, model=model, residual_px=RESIDUAL_PX, trials=300 if slow else 2000)


@pytest.mark.parametrize(("engine", "model"), PAIRS)
def test_a_planted_map_is_recovered(engine: str, model: str) -> None:
    for seed in range(1 if engine == "skimage" else 5):
        query, index, agree = planted(model, seed)
        result = estimate_geometry(query, index, config(engine, model))
        assert (result.inlier_mask & agree).sum() >= 0.9 * agree.sum(), seed
        # Anything near an epipolar line agrees.
        assert (result.inlier_mask & ~agree).sum() <= (12 if model == "fundamental" else 3), seed
        assert result.matrix.shape == ((2, 3) if model in ("similarity", "affine") else (3, 3))
        assert result.matrix.dtype == np.float64


@pytest.mark.parametrize("model", MODELS)
def test_the_matrix_says_which_matches_are_inliers(model: str) -> None:
    query, index, _ = planted(model, 7)
    result = estimate_geometry(query, index, config("batched", model))
    p, q = np.column_stack([query, np.ones(120)]), np.column_stack([index, np.ones(120)])
    mapped = p @ result.matrix.T
    if model == "fundamental":
        back = q @ result.matrix
        slopes = np.square(mapped[:, :2]).sum(axis=1) + np.square(back[:, :2]).sum(axis=1)
        off = np.abs((q * mapped).sum(axis=1)) / np.sqrt(slopes)
    elif model == "homography":
        off = np.linalg.norm(mapped[:, :2] / mapped[:, 2:] - index, axis=1)
    else:
        shrunk = min(1.0, np.sqrt(np.linalg.det(result.matrix[:, :2])))
        off = np.linalg.norm(mapped - index, axis=1) / shrunk
    np.testing.assert_array_equal(result.inlier_mask, off <= RESIDUAL_PX)


@pytest.mark.parametrize(("engine", "model"), PAIRS)
def test_fewer_matches_than_fix_a_map_are_no_evidence(engine: str, model: str) -> None:
    query, index, _ = planted(model, 1)
    for count in (0, 1, MODELS[model].min_matches - 1):
        result = estimate_geometry(query[:count], index[:count], config(engine, model))
        assert (result.num_inliers, result.matrix, len(result.inlier_mask)) == (0, None, count)


@pytest.mark.parametrize(("engine", "model"), PAIRS)
def test_degenerate_pairs_are_refused(engine: str, model: str) -> None:
    rng = np.random.default_rng(3)
    points = rng.uniform(0, 500, (40, 2))
    line = np.column_stack([np.linspace(0, 500, 40), np.linspace(0, 300, 40)])
    cases = {
        "collinear": (line, line + 5),
        "one spot": (np.full((40, 2), 7.0), np.full((40, 2), 9.0)),
        "all to one spot": (points, np.full((40, 2), 250.0)),
        "mirrored": (points, points * [1, -1] + [0, 500]),
        "blown up": (points, points * 9),
    }
    settings = GeometryConfig(engine=engine, model=model, residual_px=2.0, trials=100)
    for name, (query, index) in cases.items():
        assert estimate_geometry(query, index, settings).num_inliers <= 8, name


def test_a_homography_counts_only_where_its_affine_part_is_plausible() -> None:
    steep = np.array([[1.0, 0, 0], [0, 1, 0], [-1.6e-3, 0, 1.0]])
    query = np.random.default_rng(4).uniform(0, 560, (300, 2))
    lifted = np.column_stack([query, np.ones(300)]) @ steep.T
    index = lifted[:, :2] / lifted[:, 2:]
    result = estimate_geometry(query, index, config("batched", "homography"))
    expected = MODELS["homography"].plausible_at(steep, query, GeometryConfig().search.limits)
    assert 100 < expected.sum() < 280
    np.testing.assert_array_equal(result.inlier_mask, expected)


@pytest.mark.parametrize("engine", ["batched", "opencv", "usac"])
def test_a_plane_is_told_from_relief_and_counts(engine: str) -> None:
    rng = np.random.default_rng(6)
    flat = estimate_geometry(*relief(rng, 60, depth=0.0), config(engine, "fundamental"))
    assert flat.planar
    assert flat.num_inliers >= 55
    deep = estimate_geometry(*relief(rng, 60), config(engine, "fundamental"))
    assert not deep.planar
    assert deep.num_inliers >= 55
    assert not estimate_geometry(*planted("affine", 1)[:2], config(engine, "affine")).planar
