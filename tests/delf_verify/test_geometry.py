from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from delf_verify.geometry import GeometryConfig, estimate_geometry
from delf_verify.matching import MatchingConfig, match_pair
from delf_verify.sift import RootSift, SiftConfig

ENGINES = ("batched", "opencv", "usac", "skimage")


def planted(seed: int, count: int = 100, outliers: float = 0.6, noise_px: float = 2.0):
    """Matches of which a share agrees with a random plausible map: (query, index, map, which agree)."""
    rng = np.random.default_rng([seed, 77])
    angle, scale = rng.uniform(-0.6, 0.6), rng.uniform(0.7, 1.5)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = np.column_stack([scale * turn @ np.diag([1.0, rng.uniform(0.6, 1.0)]), rng.uniform(-50, 50, 2)])
    query = rng.uniform(0, 800, (count, 2))
    index = query @ matrix[:, :2].T + matrix[:, 2] + rng.normal(scale=noise_px, size=query.shape)
    wrong = np.arange(count) < outliers * count
    index[wrong] = rng.uniform(-200, 1000, (wrong.sum(), 2))
    return query, index, matrix, ~wrong


@pytest.mark.parametrize("engine", ["batched", "opencv"])
def test_planted_map_is_recovered_at_60_percent_outliers_for_100_seeds(engine: str) -> None:
    for seed in range(100):
        query, index, matrix, agree = planted(seed)
        result = estimate_geometry(query, index, GeometryConfig(engine=engine, seed=seed))
        assert (result.inlier_mask & agree).sum() >= 0.95 * agree.sum(), seed
        assert (result.inlier_mask & ~agree).sum() <= 4, seed
        off = np.column_stack([query[agree], np.ones(agree.sum())]) @ (result.matrix - matrix).T
        assert np.linalg.norm(off, axis=1).mean() < 3, seed


def test_the_reference_recovers_the_planted_map() -> None:
    for seed in range(5):
        query, index, _, agree = planted(seed)
        result = estimate_geometry(query, index, GeometryConfig(engine="skimage", seed=seed, trials=300))
        assert (result.inlier_mask & agree).sum() >= 0.95 * agree.sum()


@pytest.mark.parametrize("engine", ENGINES)
def test_mask_count_and_matrix_tell_the_same(engine: str) -> None:
    query, index, _, _ = planted(3)
    result = estimate_geometry(query, index, GeometryConfig(engine=engine, trials=200))
    assert result.num_inliers == result.inlier_mask.sum()
    mapped = np.column_stack([query, np.ones(len(query))]) @ result.matrix.T
    # In the image in which the residual is larger.
    shrunk = min(1.0, np.sqrt(np.linalg.det(result.matrix[:, :2])))
    np.testing.assert_array_equal(result.inlier_mask, np.linalg.norm(mapped - index, axis=1) <= 20 * shrunk)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("count", [0, 1, 2])
def test_fewer_than_three_matches_are_no_evidence(engine: str, count: int) -> None:
    points = np.arange(2.0 * count).reshape(count, 2)
    result = estimate_geometry(points, points, GeometryConfig(engine=engine))
    assert result.num_inliers == 0
    assert result.matrix is None
    assert result.inlier_mask.shape == (count,)


def degenerate_cases() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(5)
    points = rng.uniform(0, 500, (60, 2))
    line = np.column_stack([np.linspace(0, 500, 60), np.linspace(0, 300, 60)])
    return {
        "collinear": (line, line + 5),
        "collinear with noise": (line + rng.normal(scale=0.5, size=line.shape), line),
        "one spot": (np.full((60, 2), 7.0), np.full((60, 2), 9.0)),
        "all to one spot": (points, np.full((60, 2), 250.0)),
        "mirrored": (points, points * [1, -1] + [0, 500]),
        "blown up": (points, points * 9),
        "shrunk": (points * 9, points),
        "sheared": (points, points @ np.array([[1.0, 4.0], [0.0, 1.0]])),
    }


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", degenerate_cases())
def test_degenerate_maps_are_refused(engine: str, name: str) -> None:
    query, index = degenerate_cases()[name]
    config = GeometryConfig(engine=engine, trials=200, residual_px=3.0)
    assert estimate_geometry(query, index, config).num_inliers <= 5, name


@pytest.mark.parametrize("engine", ENGINES)
def test_the_true_map_is_found_behind_a_collapsed_one(engine: str) -> None:
    """40 matches fall on one spot (a repeated window), 30 agree on a true map."""
    query, index, _, _ = planted(6, count=70, outliers=0.0)
    index[:40] = np.random.default_rng(0).normal(300, 3, size=(40, 2))
    result = estimate_geometry(query, index, GeometryConfig(engine=engine, trials=500))
    assert result.inlier_mask[40:].sum() >= 28
    assert result.inlier_mask[:40].sum() <= 4


@pytest.mark.parametrize("engine", ENGINES)
def test_a_location_counts_once_in_either_image(engine: str) -> None:
    query, index, _, _ = planted(7, count=20, outliers=0.0, noise_px=1.0)
    repeated = np.repeat(np.arange(20), 4)
    config = GeometryConfig(engine=engine, trials=200)
    result = estimate_geometry(query[repeated], index[repeated], config)
    assert result.num_inliers == 20
    assert sorted(repeated[result.inlier_mask]) == list(range(20))
    # One query location with several partners, and one partner with several query locations.
    shifted = index[repeated] + np.tile([[0, 0], [0, 3], [3, 0], [3, 3]], (20, 1))
    assert estimate_geometry(query[repeated], shifted, config).num_inliers == 20
    assert estimate_geometry(shifted, query[repeated], config).num_inliers == 20


@pytest.mark.parametrize("engine", ENGINES)
def test_same_seed_same_result_and_the_seed_matters(engine: str) -> None:
    query, index, _, _ = planted(8, count=60, outliers=0.9)
    results = [
        estimate_geometry(query, index, GeometryConfig(engine=engine, trials=100, seed=seed))
        for seed in (1, 1, *range(2, 12))
    ]
    np.testing.assert_array_equal(results[0].inlier_mask, results[1].inlier_mask)
    np.testing.assert_array_equal(results[0].matrix, results[1].matrix)
    assert len({result.inlier_mask.tobytes() for result in results}) > 1


def test_bad_matches_are_refused() -> None:
    good = np.zeros((4, 2))
    with pytest.raises(ValueError, match=r"must both be \[M, 2\], got \[4, 2\] and \[3, 2\]"):
        estimate_geometry(good, good[:3], GeometryConfig())
    with pytest.raises(ValueError, match="not finite"):
        estimate_geometry(good, np.full((4, 2), np.nan), GeometryConfig())


def test_scales_engine_wants_positive_scale_ratios() -> None:
    query, index, _, _ = planted(3)
    config = GeometryConfig(engine="scales")
    with pytest.raises(ValueError, match="pass scale_ratios, or take 'batched'"):
        estimate_geometry(query, index, config)
    with pytest.raises(ValueError, match=r"scale_ratios must be \[100\], one for each match, got \[99\]"):
        estimate_geometry(query, index, config, np.ones(99))
    for bad in (0.0, -1.0, np.nan, np.inf):
        with pytest.raises(ValueError, match="a scale ratio is not a positive number"):
            estimate_geometry(query, index, config, np.full(100, bad))


def test_scales_engine_counts_what_agrees_in_place_and_scale() -> None:
    query, index, matrix, agree = planted(3)
    ratios = np.full(100, np.sqrt(np.linalg.det(matrix[:, :2])))
    result = estimate_geometry(query, index, GeometryConfig(engine="scales"), ratios)
    assert (result.inlier_mask & agree).sum() >= 0.95 * agree.sum()
    assert result.num_inliers == result.inlier_mask.sum()
    off = (np.flatnonzero(agree))[:10]
    ratios[off] *= 4
    fewer = estimate_geometry(query, index, GeometryConfig(engine="scales"), ratios)
    assert not fewer.inlier_mask[off].any()
    assert fewer.num_inliers >= result.num_inliers - 11


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"engine": "magic"},
            r"geometry.engine must be one of \['batched', 'opencv', 'scales', 'skimage', 'usac'\], got 'magic'",
        ),
        ({"model": "magic"}, r"geometry.model must be one of \['affine', 'fundamental', 'homography', 'similarity'\]"),
        (
            {"engine": "usac", "model": "similarity"},
            r"geometry.engine 'usac' estimates no 'similarity' model; take one of \['batched', 'opencv', 'skimage'\]",
        ),
        ({"engine": "scales", "model": "homography"}, "geometry.engine 'scales' estimates no 'homography' model"),
        ({"scale_tolerance": 0.0}, "geometry.scale_tolerance must be a positive number, got 0.0"),
        ({"residual_px": 0.0}, "geometry.residual_px must be a positive number of pixels, got 0.0"),
        ({"trials": 0}, "geometry.trials must be at least 1, got 0"),
        ({"confidence": 1.0}, "geometry.confidence must lie between 0 and 1, got 1.0"),
        ({"seed": -1}, "geometry.seed must be >= 0, got -1"),
        ({"max_scale": 0.5}, "geometry.max_scale is a factor of at least 1, got 0.5"),
        ({"max_stretch": float("nan")}, "geometry.max_stretch is a factor of at least 1, got nan"),
        ({"min_spread_px": -1.0}, "geometry.min_spread_px must be >= 0 pixels, got -1.0"),
    ],
)
def test_bad_settings_are_refused(settings: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        GeometryConfig(**settings)


@pytest.mark.slow
@pytest.mark.real_data
def test_engines_give_the_same_verdicts_on_real_pairs(real_data: Path) -> None:
    """At seed 003's 25 inliers, and at the smallest number at which the reference accepts no different pair.

    On these pairs that number is 9, and the reference with another seed agrees with itself on 95.2 % of them there:
    with few inliers every RANSAC depends on its samples. The engines agree with it on 93.5 %.
    """
    pairs = pd.read_csv(real_data / "same_different.csv").iloc[::3]
    extractor = RootSift(SiftConfig(max_features=1000))
    matching = MatchingConfig(max_distance=None, ratio=0.9, mutual=True)
    features = {
        name: extractor.extract(np.ascontiguousarray(cv2.imread(str(real_data / name))[..., ::-1]))
        for name in sorted({*pairs.a, *pairs.b})
    }
    inliers: dict[str, list[int]] = {engine: [] for engine in ENGINES}
    for a, b in zip(pairs.a, pairs.b, strict=True):
        matches = match_pair(features[a], features[b], matching)
        query_yx = features[a].locations_yx[matches.query_indices]
        index_yx = features[b].locations_yx[matches.index_indices]
        for engine in ENGINES:
            found = estimate_geometry(query_yx, index_yx, GeometryConfig(engine=engine))
            inliers[engine].append(found.num_inliers)
    counts = {engine: np.array(found) for engine, found in inliers.items()}
    same = pairs.same.to_numpy(bool)
    tuned = counts["skimage"][~same].max() + 1
    for threshold, agreement in ((25, 0.95), (tuned, 0.9)):
        verdicts = {engine: counts[engine] >= threshold for engine in ENGINES}
        for engine in ENGINES:
            assert (verdicts[engine] == verdicts["skimage"]).mean() >= agreement, engine
    # "batched" finds inliers that the reference misses: where the two differ, it must be right more often.
    assert ((counts["batched"] >= 25) == (counts["skimage"] >= 25)).mean() >= 0.95
    right = {engine: ((counts[engine] >= tuned) == same).mean() for engine in ENGINES}
    assert right["batched"] >= right["skimage"]
