import itertools

import numpy as np
import pytest

from tfland.toyworld.solids import Solid, box, face, gable_roof, revolved


def area_vector(polygon: np.ndarray) -> np.ndarray:
    """Area times normal, by the shoelace formula; the sign follows the direction of turning."""
    return 0.5 * np.cross(polygon, np.roll(polygon, -1, axis=0)).sum(axis=0)


def closed(parts: list[Solid]) -> np.ndarray:
    """Sum of area times outward normal: zero for a closed surface (divergence theorem)."""
    faces = [face for part in parts for face in part.faces]
    return np.sum([np.linalg.norm(area_vector(item.polygon)) * item.normal for item in faces], axis=0)


def test_normals_point_outwards() -> None:
    for part in (
        box((1, 2, 3), (4, 6, 9), ["a"] * 5),
        gable_roof((-2, -3, 1), (2, 3, 5), ["a"] * 4),
        gable_roof((-2, -3, 1), (2, 3, 5), ["a"] * 4, along_y=False),
        *revolved((2, 1), [(3, 1), (2, 4), (0, 7)], "a", sides=9, cap="", underside="a"),
        *revolved((2, 1), [(3, 1), (2, 4)], "a", sides=4, cap="a", underside="a"),
    ):
        middle = (part.low + part.high) / 2
        for item in part.faces:
            assert item.normal @ (item.polygon.mean(axis=0) - middle) > 0
            assert abs(item.normal @ area_vector(item.polygon)) == pytest.approx(
                np.linalg.norm(area_vector(item.polygon))
            )


def test_surfaces_are_closed() -> None:
    np.testing.assert_allclose(closed([box((1, 2, 3), (4, 6, 9), ["a"] * 5)]), 0, atol=1e-9)
    tower = revolved((0, 0), [(3, 1), (2, 4)], "a", sides=12, cap="a", underside="a")
    np.testing.assert_allclose(closed(tower), 0, atol=1e-9)


def test_four_sides_make_a_square_of_the_given_half_side() -> None:
    (tower,) = revolved((1, 2), [(3, 0), (3, 5)], "a", sides=4)
    np.testing.assert_allclose(tower.low, [-2, -1, 0], atol=1e-9)
    np.testing.assert_allclose(tower.high, [4, 5, 5], atol=1e-9)


@pytest.mark.parametrize(
    "quad",
    [
        [(0, 0, 2), (3, 0, 2), (3, 0, 0), (0, 0, 0)],
        [(1, 0, 2), (2, 0, 2), (3, 0, 0), (0, 0, 0)],
        [(1, 1, 4), (1.1, 1, 4), (2, 0, 0), (-1, 0, 0)],
    ],
)
def test_textures_corners_land_on_the_quadrangles(quad: list[tuple[float, float, float]]) -> None:
    item = face(quad, "a", uv=(0.25, 0.5, 0.5, 1.0))
    for (u, v), corner in zip([(0.25, 0.5), (0.5, 0.5), (0.5, 1.0), (0.25, 1.0)], quad, strict=True):
        x = item.from_texture @ [u, v, 1.0]
        np.testing.assert_allclose(x[:3] / x[3], corner, atol=1e-5)


def test_facets_of_a_tower_meet_in_the_texture_as_in_space() -> None:
    (ring,) = revolved((0, 0), [(3, 0), (1, 5)], "a", sides=8)
    for number, (left, right) in enumerate(itertools.pairwise(ring.faces)):
        u = (number + 1) / 8
        for v in (0.0, 0.3, 1.0):
            a, b = left.from_texture @ [u, v, 1], right.from_texture @ [u, v, 1]
            np.testing.assert_allclose(a[:3] / a[3], b[:3] / b[3], atol=1e-4)
