import numpy as np
import pytest

from tfland.toyworld.arches import arched_wall
from tfland.toyworld.solids import Face, box

LOW, HIGH = (-5.0, -1.0, 0.0), (5.0, 3.0, 8.0)
OPENINGS = [(4.0, 2.0, 3.0), (8.5, 0.75, 2.0)]


def lining(openings: list[tuple[float, float, float]]) -> list[Face]:
    wall = arched_wall(LOW, HIGH, openings, ["wall"] * 5, "lining")
    return [item for item in wall.faces if item.texture == "lining"]


def area(polygon: np.ndarray) -> float:
    return float(np.linalg.norm(0.5 * np.cross(polygon, np.roll(polygon, -1, axis=0)).sum(axis=0)))


def test_tunnels_faces_look_into_the_tunnel_and_are_painted_first() -> None:
    wall = arched_wall(LOW, HIGH, OPENINGS[:1], ["wall"] * 5, "lining")
    inside = lining(OPENINGS[:1])
    axis = np.array([-1.0, 1.0, 3.0])
    for item in inside:
        middle = item.polygon.mean(axis=0)
        towards = axis - middle if middle[2] > 3 else np.array([axis[0] - middle[0], 0, 0])
        assert item.normal @ towards > 0
    assert [item.texture for item in wall.faces] == ["lining"] * len(inside) + ["wall"] * 5


@pytest.mark.parametrize("opening", OPENINGS)
def test_a_tunnel_lacks_its_floor_alone(opening: tuple[float, float, float]) -> None:
    """Area times normal over a closed surface is zero; what is missing is the floor's."""
    total = np.sum([area(item.polygon) * item.normal for item in lining([opening])], axis=0)
    np.testing.assert_allclose(total, [0, 0, -2 * opening[1] * (HIGH[1] - LOW[1])], atol=1e-9)


@pytest.mark.parametrize("opening", OPENINGS)
def test_a_tunnel_has_the_openings_measures(opening: tuple[float, float, float]) -> None:
    centre, half, spring = opening
    points = np.concatenate([item.polygon for item in lining([opening])])
    middle = LOW[0] + centre
    np.testing.assert_allclose(points.min(axis=0), [middle - half, LOW[1], LOW[2]], atol=1e-9)
    np.testing.assert_allclose(points.max(axis=0), [middle + half, HIGH[1], spring + half], atol=1e-9)
    arch = points[points[:, 2] > spring + 1e-9]
    np.testing.assert_allclose(np.hypot(arch[:, 0] - middle, arch[:, 2] - spring), half)


def test_the_outside_is_a_box() -> None:
    wall = arched_wall(LOW, HIGH, OPENINGS, ["front", "right", "back", "left", "top"], "lining")
    outside = [item for item in wall.faces if item.texture != "lining"]
    plain = box(LOW, HIGH, ["front", "right", "back", "left", "top"])
    for ours, expected in zip(outside, plain.faces, strict=True):
        assert ours.texture == expected.texture
        np.testing.assert_array_equal(ours.polygon, expected.polygon)
    np.testing.assert_array_equal([wall.low, wall.high], [LOW, HIGH])
    assert len(lining(OPENINGS)) == 2 * len(lining(OPENINGS[:1]))
