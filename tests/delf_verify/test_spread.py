import numpy as np
import pytest

from delf_verify.features import LocalFeatures
from delf_verify.matching import PutativeMatches
from delf_verify.spread import inlier_spread


def features(locations_yx: np.ndarray) -> LocalFeatures:
    count = len(locations_yx)
    return LocalFeatures(locations_yx, np.ones((count, 4)), np.ones(count), np.ones(count))


def matches(count: int) -> PutativeMatches:
    rows = np.arange(count)
    return PutativeMatches(rows, rows, np.zeros(count, np.float32))


def points(seed: int, count: int = 40) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0, 400, (count, 2))


def slow(query: np.ndarray, index: np.ndarray, mask: np.ndarray) -> float:
    areas = [[np.sqrt(np.linalg.det(np.cov(p.astype(float).T))) for p in (side[mask], side)] for side in (query, index)]
    # np.cov divides by n - 1, so each ratio is put right.
    n, m = len(query), mask.sum()
    return min(1.0, *(part * (m - 1) / m / (whole * (n - 1) / n) for part, whole in areas))


@pytest.mark.parametrize("seed", range(8))
def test_the_smaller_share_of_either_image(seed: int) -> None:
    query, index = points(seed), points(seed + 100)
    mask = np.random.default_rng(seed).random(40) < 0.4
    mask &= (query[:, 0] < 250) | (seed % 2 == 0)
    found = inlier_spread(features(query), features(index), matches(40), mask)
    assert found == pytest.approx(slow(query, index, mask), rel=1e-5)


def test_all_inliers_cover_everything_and_a_corner_little() -> None:
    both = features(points(0))
    assert inlier_spread(both, both, matches(40), np.ones(40, bool)) == 1
    corner = np.sort(points(0), axis=0)
    assert inlier_spread(features(corner), features(corner), matches(40), np.arange(40) < 5) < 0.05


@pytest.mark.parametrize("matrix", [np.diag([3.0, 3.0]), np.diag([0.25, 1.5]), np.array([[0.8, -0.6], [0.6, 0.8]])])
def test_the_size_of_an_image_plays_no_part(matrix: np.ndarray) -> None:
    query, index, mask = points(1), points(2), np.arange(40) % 3 == 0
    moved = index @ matrix.T + 1000
    expected = inlier_spread(features(query), features(index), matches(40), mask)
    assert 0.2 < expected < 1
    assert inlier_spread(features(query), features(moved), matches(40), mask) == pytest.approx(expected, rel=1e-4)


def test_matches_name_the_rows_of_either_image() -> None:
    query, index = points(3), points(4, 60)
    putative = PutativeMatches(np.arange(40)[::-1], np.arange(20, 60), np.zeros(40, np.float32))
    mask = np.arange(40) < 12
    found = inlier_spread(features(query), features(index), putative, mask)
    shares = []
    for side, rows in ((query, np.arange(40)[::-1][:12]), (index, np.arange(20, 32))):
        areas = [np.sqrt(np.linalg.det(np.cov(chosen.T, ddof=0))) for chosen in (side[rows], side)]
        shares.append(areas[0] / areas[1])
    assert found == pytest.approx(min(1.0, *shares), rel=1e-5)


def test_degenerate_input_has_no_spread() -> None:
    both, line = features(points(0)), features(np.outer(np.arange(40), [0.3, 0.7]))
    two = np.arange(40) < 2
    assert inlier_spread(both, both, matches(40), two) == 0
    assert inlier_spread(both, both, matches(0), np.zeros(0, bool)) == 0
    assert inlier_spread(line, line, matches(40), np.ones(40, bool)) == 0
    assert inlier_spread(line, both, matches(40), np.ones(40, bool)) == 0
    same = features(np.full((40, 2), 7.0))
    assert inlier_spread(same, same, matches(40), np.ones(40, bool)) == 0
    nothing = LocalFeatures.empty(4)
    assert inlier_spread(nothing, both, matches(0), np.zeros(0, bool)) == 0


def test_a_mask_of_another_length_is_refused() -> None:
    both = features(points(0))
    with pytest.raises(ValueError, match=r"inlier_mask must be \[40\]"):
        inlier_spread(both, both, matches(40), np.ones(39, bool))
