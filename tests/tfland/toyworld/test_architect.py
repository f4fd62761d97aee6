import numpy as np
import pytest

from tfland.toyworld.architect import Architect, Building
from tfland.toyworld.config import stream
from tfland.toyworld.solids import Face


def faces(building: Building) -> list[Face]:
    return [item for part in building.solids for item in part.faces]


def facing(building: Building, direction: tuple[float, float, float]) -> Face:
    return next(item for item in faces(building) if item.normal @ direction > 0.99)


@pytest.mark.parametrize(("direction", "width"), [((0, -1, 0), 6), ((1, 0, 0), 10), ((0, 1, 0), 6), ((-1, 0, 0), 10)])
def test_walls_textures_have_the_walls_measures(direction: tuple[float, float, float], width: float) -> None:
    plan = Architect(stream(1))
    plan.box((-2, 4), (-7, 3), (0, 8), "front")
    building = plan.build("test")
    spec = building.textures[facing(building, direction).texture]
    assert (spec.width, spec.height) == (width, 8)
    assert spec.kind == ("front" if direction == (0, -1, 0) else "side")


def test_roofs_are_as_long_as_their_slope() -> None:
    for along_y, ridge, span in ((True, 10, 6), (False, 6, 10)):
        plan = Architect(stream(2))
        plan.gable((-3, 3), (-5, 5), (8, 12), along_y=along_y)
        building = plan.build("test")
        specs = [building.textures[item.texture] for item in faces(building)]
        assert [spec.kind for spec in specs] == ["roof", "roof", "side", "side"]
        assert (specs[0].width, specs[0].height) == pytest.approx((ridge, np.hypot(span / 2, 4)))
        assert (specs[2].width, specs[2].height) == (span, 4)


def test_a_gates_back_is_its_fronts_mirror_image() -> None:
    """An opening 3 m from the left of a 10 m wall is 7 m from the left, seen from behind."""
    plan = Architect(stream(3))
    plan.gate((-5, 5), (-1, 1), (0, 8), [(3.0, 1.0, 4.0)])
    building = plan.build("test")
    specs = [building.textures[facing(building, (0, y, 0)).texture] for y in (-1, 1)]
    assert [spec.openings for spec in specs] == [((3.0, 1.0, 4.0),), ((7.0, 1.0, 4.0),)]
    tunnel = [item for item in faces(building) if np.abs(item.polygon[:, 0]).max() < 5 and item.normal[2] < 0.1]
    assert np.mean([item.polygon[:, 0].mean() for item in tunnel]) == pytest.approx(-2.0)


@pytest.mark.parametrize(
    ("profile", "levels"),
    [
        ([(2, 0), (2, 5)], {1}),
        ([(2, 0), (0, 5)], set()),
        ([(2, 3), (0, 5)], {-1}),
        ([(2, 3), (1, 5)], {-1, 1}),
    ],
)
def test_towers_are_closed_where_one_could_look_in(profile: list[tuple[float, float]], levels: set[int]) -> None:
    """A flat top is capped, a raised foot has an underside; a tip and a foot on the ground need neither."""
    plan = Architect(stream(4))
    plan.turned((1, 2), profile, sides=8)
    building = plan.build("test")
    assert {round(item.normal[2]) for item in faces(building) if abs(item.normal[2]) > 0.999} == levels


def test_a_towers_texture_goes_once_round_it() -> None:
    plan = Architect(stream(5))
    plan.turned((0, 0), [(3, 0), (3, 4), (0, 8)], stretch=(1.0, 2.0))
    spec = next(spec for spec in plan.build("test").textures.values() if spec.kind == "side")
    assert (spec.width, spec.height) == pytest.approx((2 * np.pi * 3 * 1.5, 4 + 5))


@pytest.mark.parametrize(("height", "bulge"), [(1.0, 0.0), (1.3, 0.3)])
def test_domes_are_half_spheres_or_swell(height: float, bulge: float) -> None:
    plan = Architect(stream(6))
    top = plan.dome((1, 2), 4.0, 10.0, height=height, bulge=bulge)
    building = plan.build("test")
    assert top == pytest.approx(10 + 4 * height)
    assert building.high[2] == pytest.approx(top)
    corners = np.unique(np.concatenate([item.polygon for item in faces(building)]).round(6), axis=0)
    # A facet's middle touches the surface, its corners lie outside by the cosine of half its angle.
    radii = np.hypot(corners[:, 0] - 1, corners[:, 1] - 2) * np.cos(np.pi / 14)
    angles = np.arcsin(np.clip((corners[:, 2] - 10) / (4 * height), 0, 1))
    expected = 4 * (np.cos(angles) + bulge * np.sin(2 * angles) ** 2)
    side = angles < 1.5
    np.testing.assert_allclose(radii[side], expected[side], atol=1e-4)


def test_a_building_has_two_materials_and_one_window() -> None:
    shares = []
    for seed in range(30):
        plan = Architect(stream(7, seed))
        names = [plan.texture("side", 1, 1) for _ in range(40)]
        assert len(set(names)) == 40
        plan.box((0, 1), (0, 1), (0, 1))
        specs = list(plan.build("test").textures.values())
        assert len({spec.window for spec in specs}) == 1
        materials = [spec.material for spec in specs]
        assert len(set(materials)) == 2
        shares.append(max(materials.count(name) for name in set(materials)) / len(materials))
    assert np.mean(shares) == pytest.approx(0.75, abs=0.04)


def test_extents_span_all_parts() -> None:
    plan = Architect(stream(8))
    plan.box((-2, 1), (-30, 30), (0, 4))
    plan.turned((9, 0), [(2, 0), (2, 6)], sides=4)
    building = plan.build("test")
    np.testing.assert_allclose(building.low, [-2, -30, 0])
    np.testing.assert_allclose(building.high, [11, 30, 6])
    assert building.extent == pytest.approx(13), "depth does not count"


def test_chances_have_their_share() -> None:
    plan = Architect(stream(9))
    assert np.mean([plan.chance(0.3) for _ in range(2000)]) == pytest.approx(0.3, abs=0.04)
    lengths = [plan.uniform(2, 5) for _ in range(500)]
    assert 2 <= min(lengths) < 2.1
    assert 4.9 < max(lengths) <= 5
