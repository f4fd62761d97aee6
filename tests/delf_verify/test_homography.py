import cv2
import numpy as np
import pytest

from delf_verify.affine import Limits
from delf_verify.homography import Homography, normalised, oriented

LIMITS = Limits(max_scale=3.0, max_stretch=3.0)
ANYTHING = Limits(np.inf, np.inf)
MODEL = Homography()
TILTED = np.array([[1.1, 0.1, 20.0], [-0.1, 0.9, 30.0], [4e-4, 2e-4, 1.0]])


def mapped(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    lifted = np.column_stack([points, np.ones(len(points))]) @ matrix.T
    return lifted[:, :2] / lifted[:, 2:]


def slow_part(matrix: np.ndarray, point: np.ndarray) -> np.ndarray:
    """The derivative at a point by central differences."""
    steps = np.eye(2) * 1e-4
    columns = [
        (mapped(matrix, (point + step)[None]) - mapped(matrix, (point - step)[None]))[0] / 2e-4 for step in steps
    ]
    return np.column_stack(columns)


def test_solved_maps_go_through_their_samples() -> None:
    rng = np.random.default_rng(0)
    query = rng.uniform(0, 500, (60, 2))
    index = mapped(TILTED, query) + rng.normal(scale=8, size=query.shape)
    samples = rng.permuted(np.tile(np.arange(60), (300, 1)), axis=1)[:, :4]
    maps = MODEL.solve(query, index, samples, LIMITS)
    assert len(maps) > 30
    for matrix in maps:
        assert (np.linalg.norm(mapped(matrix, query) - index, axis=1) < 1e-6).sum() == 4


def test_solve_against_opencv_through_four_points() -> None:
    rng = np.random.default_rng(1)
    for _ in range(50):
        query = np.array([[0, 0], [0, 400], [300, 0], [300, 400.0]]) + rng.uniform(-60, 60, (4, 2))
        index = mapped(TILTED, query) + rng.uniform(-20, 20, (4, 2))
        (matrix,) = MODEL.solve(query, index, np.array([[0, 1, 2, 3]]), LIMITS)
        expected = cv2.getPerspectiveTransform(query.astype(np.float32), index.astype(np.float32))
        np.testing.assert_allclose(matrix / matrix[2, 2], expected, rtol=1e-2, atol=1e-4)


@pytest.mark.parametrize(
    "partners",
    [
        [[0, 0], [0, -400], [300, 0], [300, -400]],
        [[0, 0], [0, 400], [300, 400], [300, 0]],
        [[0, 0], [0, 200], [0, 300], [0, 400]],
        [[0, 0], [0, 4000], [3000, 0], [3000, 4000]],
        [[0, 0], [0, 400], [30, 0], [30, 400]],
        [[0, 0], [0, 400], [300, 0], [100, 130]],
    ],
    ids=["mirrored", "torn", "collinear", "blown up", "squeezed", "one corner pushed inside"],
)
def test_implausible_samples_give_no_map(partners: list) -> None:
    query = np.array([[0, 0], [0, 400], [300, 0], [300, 400.0]])
    samples = np.array([[0, 1, 2, 3], [0, 0, 1, 2]])
    assert not len(MODEL.solve(query, np.array(partners, float), samples, LIMITS))
    assert len(MODEL.solve(query, query, samples, LIMITS)) == 1


def test_plausible_at_against_finite_differences() -> None:
    strong = np.array([[1.1, 0.1, 20.0], [-0.1, 0.9, 30.0], [3e-3, 1e-3, 1.0]])
    points = np.random.default_rng(2).uniform(0, 600, (300, 2))
    expected = []
    for point in points:
        large, small = np.linalg.svd(slow_part(strong, point), compute_uv=False)
        expected.append(large / small <= 3 and 1 / 3 <= np.sqrt(large * small) <= 3)
    np.testing.assert_array_equal(MODEL.plausible_at(strong, points, LIMITS), expected)
    assert 30 < sum(expected) < 270


def test_beyond_the_horizon_nothing_agrees() -> None:
    matrix = np.array([[1, 0, 0], [0, 1, 0], [-0.01, 0, 1.0]])
    points = np.array([[50, 10], [150, 10.0]])
    squares = MODEL.squared_residuals(matrix[None], points, mapped(matrix, points))[0]
    assert squares[0] < 1e-12
    assert squares[1] == np.inf
    assert MODEL.plausible_at(matrix, points, ANYTHING).tolist() == [True, False]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_squared_residuals_against_a_loop(dtype: type) -> None:
    rng = np.random.default_rng(3)
    query, index = rng.uniform(0, 500, (2, 40, 2))
    maps = TILTED + rng.normal(size=(20, 3, 3)) * [[0.1, 0.1, 9], [0.1, 0.1, 9], [1e-4, 1e-4, 0]]
    squares = MODEL.squared_residuals(maps, query.astype(dtype), index.astype(dtype))
    assert squares.dtype == dtype
    expected = [np.square(mapped(matrix, query) - index).sum(axis=1) for matrix in maps]
    np.testing.assert_allclose(squares, expected, rtol=1e-3 if dtype is np.float32 else 1e-9, atol=0.5)


def test_fit_recovers_a_map_and_gives_it_its_sign() -> None:
    query = np.random.default_rng(4).uniform(0, 500, (30, 2))
    for sign in (1, -1):
        fitted = MODEL.fit(query, mapped(sign * TILTED, query))
        np.testing.assert_allclose(fitted / fitted[2, 2], TILTED, rtol=1e-6, atol=1e-9)
        assert (query @ fitted[2, :2] + fitted[2, 2] > 0).all()


def test_fit_of_noisy_points_is_close_to_the_best() -> None:
    rng = np.random.default_rng(5)
    query = rng.uniform(0, 500, (200, 2))
    index = mapped(TILTED, query) + rng.normal(scale=3, size=query.shape)
    off = np.square(mapped(MODEL.fit(query, index), query) - index).sum()
    assert off < 1.01 * np.square(mapped(TILTED, query) - index).sum()


def test_points_that_fix_no_map_give_none() -> None:
    line = np.column_stack([np.arange(30.0), 2 * np.arange(30.0)])
    assert MODEL.fit(line, line) is None
    assert MODEL.fit(np.full((9, 2), 3.0), np.full((9, 2), 3.0)) is None
    assert MODEL.fit(line[:3], line[:3]) is None


def test_oriented_and_normalised_by_definition() -> None:
    points = np.random.default_rng(6).uniform(0, 500, (30, 2))
    np.testing.assert_allclose(oriented(-3 * TILTED, points), TILTED / np.linalg.norm(TILTED))
    unit, to_unit = normalised(points)
    np.testing.assert_allclose(unit, np.column_stack([points, np.ones(30)]) @ to_unit.T)
    np.testing.assert_allclose(unit[:, :2].mean(axis=0), 0, atol=1e-12)
    assert np.linalg.norm(unit[:, :2], axis=1).mean() == pytest.approx(np.sqrt(2))
