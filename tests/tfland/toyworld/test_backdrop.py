import dataclasses

import numpy as np
import pytest

from tfland.toyworld.architect import Architect, Building
from tfland.toyworld.backdrop import GROUND_M, Surroundings, draw_backdrop, draw_shadow, draw_sky, make_surroundings
from tfland.toyworld.camera import Camera, look_at
from tfland.toyworld.config import stream
from tfland.toyworld.families import FAMILIES, make_building
from tfland.toyworld.light import Light

LIGHT = Light(
    name="sun",
    sun=np.array([-0.6, 0.0, 0.8]),
    sunlight=(0.0, 0.0, 0.0),
    ambient=(1.0, 1.0, 1.0),
    sky_top=(200.0, 100.0, 50.0),
    sky_low=(240.0, 220.0, 200.0),
    haze=0.0,
    glow=0.0,
    clouds=0.0,
)
HEIGHT, WIDTH = 240, 320


def camera(eye: tuple[float, float, float] = (0.0, -20.0, 6.0), slope: float = 0.0, roll: float = 0.0) -> Camera:
    position = np.array(eye)
    rotation = look_at(position, position + np.array([0.0, 1.0, slope]), roll)
    return Camera(position=position, rotation=rotation, focal_px=300.0, width=WIDTH, height=HEIGHT)


def place(**changes: object) -> Surroundings:
    """Level grey ground and nothing else."""
    values = {
        "ground": np.full((512, 512, 3), 90, np.uint8),
        "skyline": np.zeros((0, 4)),
        "hills": np.zeros(80),
        "land": (40.0, 90.0, 60.0),
        "trees": np.zeros((0, 3)),
    }
    return Surroundings(**(values | changes))


def block() -> Building:
    plan = Architect(stream(1))
    plan.box((-2, 2), (-2, 2), (0, 5))
    return plan.build("test")


def drawn(surroundings: Surroundings, view: Camera, light: Light = LIGHT) -> np.ndarray:
    canvas = np.full((HEIGHT, WIDTH, 3), 7, np.uint8)
    draw_backdrop(canvas, surroundings, view, light, stream(2))
    return canvas


@pytest.mark.parametrize("slope", [-0.2, 0.0, 0.25])
@pytest.mark.parametrize("roll", [0.0, 0.1])
def test_the_sky_fades_upwards_from_the_horizon(slope: float, roll: float) -> None:
    """Recomputed from rays: 1.5 times the upward part of the ray of unit depth mixes the two colours."""
    view = camera(slope=slope, roll=roll)
    canvas = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    draw_sky(canvas, view, LIGHT, stream(3))
    for x, y in ((10, 10), (160, 10), (310, 60), (160, 120), (40, 230)):
        ray = np.array([(x - WIDTH / 2) / 300, (y - HEIGHT / 2) / 300, 1.0]) @ view.rotation
        share = np.clip(1.5 * ray[2], 0, 1)
        expected = np.array(LIGHT.sky_low) * (1 - share) + np.array(LIGHT.sky_top) * share
        np.testing.assert_allclose(canvas[y, x], expected, atol=4)


def test_clouds_only_where_the_light_has_some() -> None:
    skies = []
    for clouds in (0.0, 0.8):
        canvas = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
        draw_sky(canvas, camera(slope=0.3), dataclasses.replace(LIGHT, clouds=clouds), stream(4))
        skies.append(canvas.astype(float))
    assert skies[0].std(axis=1).max() < 1, "every row is of one colour"
    assert skies[1].std(axis=1).max() > 5


@pytest.mark.parametrize("slope", [-0.2, 0.15])
def test_there_is_ground_below_the_horizon_only(slope: float) -> None:
    canvas = drawn(place(), camera(slope=slope)).astype(int)
    horizon = round(HEIGHT / 2 + slope * 300)
    ground = (np.abs(canvas - 90) <= 2).all(axis=2)
    assert ground[-1].all()
    assert not ground[: horizon + 1].any()
    assert (canvas != 7).any(axis=2).all(), "every pixel is painted"


@pytest.mark.parametrize("spot", [(3.0, -8.0), (-2.0, -12.0), (3.0 - GROUND_M, -8.0 + GROUND_M)])
def test_the_ground_is_where_the_camera_puts_it_and_repeats(spot: tuple[float, float]) -> None:
    """A red square of 1 m is painted at a place of the ground picture (y goes up in the world, down in it)."""
    ground = np.full((512, 512, 3), 90, np.uint8)
    pixels = 512 / GROUND_M
    column, row = round(spot[0] * pixels) % 512, round(-spot[1] * pixels) % 512
    ground[row - 5 : row + 6, column - 5 : column + 6] = (0, 0, 255)
    view = camera(eye=(spot[0], spot[1] - 10, 6.0), slope=-0.3)
    canvas = drawn(place(ground=ground), view)
    ys, xs = np.nonzero((canvas[..., 2] > 180) & (canvas[..., 0] < 60))
    near = np.hypot(xs - WIDTH / 2, 0) < 60
    expected, _ = view.project(np.array([[*spot, 0.0]]))
    assert near.sum() > 100
    np.testing.assert_allclose([xs[near].mean(), ys[near].mean()], expected[0], atol=3)


def test_silhouettes_rise_in_their_direction_to_their_height() -> None:
    """Azimuth 0.2 to the right of a level camera that looks along +y; 0.1 radians high, 0.1 wide."""
    town = place(skyline=np.array([[0.2, 0.05, 0.1, 0.5], [np.pi, 0.05, 0.3, 0.5]]))
    changed = (drawn(town, camera()) != drawn(place(), camera())).any(axis=2)
    ys, xs = np.nonzero(changed)
    np.testing.assert_allclose([xs.min(), xs.max()], WIDTH / 2 + 300 * np.tan([0.15, 0.25]), atol=2)
    # Its direction is (sin, cos, tan height): seen head on, off the axis, it is higher by 1 / cos.
    assert ys.min() == pytest.approx(HEIGHT / 2 - 300 * np.tan(0.1) / np.cos(0.25), abs=2)
    assert ys.max() < HEIGHT / 2 + 0.02 * 300 + 2


def test_hills_go_round_the_place() -> None:
    """Equal hills all round stand 0.1 radians high in every direction."""
    hills = place(hills=np.full(80, 0.1))
    for heading in ((0.0, 1.0), (1.0, 0.0), (-0.7, -0.7)):
        eye = np.array([0.0, -20.0, 6.0])
        view = dataclasses.replace(camera(), rotation=look_at(eye, eye + np.array([*heading, 0.0]), 0.0))
        changed = (drawn(hills, view) != drawn(place(), view)).any(axis=2)
        top = np.argmax(changed[:, WIDTH // 2])
        assert top == pytest.approx(HEIGHT / 2 - 300 * np.tan(0.1), abs=2)
        assert changed[int(HEIGHT / 2) - 3].all()


def shadow_at(light: Light, points: list[tuple[float, float]]) -> list[int]:
    view = camera(eye=(0.0, -18.0, 14.0), slope=-0.8)
    canvas = np.full((HEIGHT, WIDTH, 3), 200, np.uint8)
    draw_shadow(canvas, block(), view, light)
    pixels, _ = view.project(np.array([[x, y, 0.0] for x, y in points]))
    return [int(canvas[int(y), int(x), 0]) for x, y in pixels]


def test_shadows_fall_away_from_the_sun() -> None:
    """5 m high in a sun of slope 0.8 to 0.6 from the left: 3.75 m of shadow on the right."""
    left, within, beyond = shadow_at(LIGHT, [(-3.5, 0.0), (4.5, 0.0), (7.0, 0.0)])
    assert left == beyond == 200
    assert within == pytest.approx(200 * 150 / 255, abs=2)


def test_under_clouds_only_the_foot_is_dark() -> None:
    foot, where_the_sun_would_throw_it = shadow_at(
        dataclasses.replace(LIGHT, name="overcast"), [(1.0, 0.0), (4.5, 0.0)]
    )
    assert foot < 130
    assert where_the_sun_would_throw_it == 200


@pytest.mark.parametrize("family", sorted(FAMILIES)[:4])
def test_places_are_drawn_once_and_trees_stand_beside_the_building(family: str) -> None:
    building = make_building(family, stream(5, family))
    kinds = set()
    for seed in range(12):
        one, again = (make_surroundings(building, stream(6, seed)) for _ in range(2))
        for field in ("ground", "skyline", "hills", "trees"):
            np.testing.assert_array_equal(getattr(one, field), getattr(again, field))
        x, _, height = one.trees.T
        half = (building.high[0] - building.low[0]) / 2
        assert (np.abs(x) - 0.3 * height >= half - 1e-9).all(), "crowns beside the walls"
        assert (0.16 * building.extent <= height).all()
        assert (height <= 0.42 * building.extent).all()
        assert len(one.skyline) < 70
        assert one.ground.shape == (512, 512, 3)
        kinds.add(bool(one.ground[..., 1].mean() > 1.2 * one.ground[..., 2].mean()))
    assert kinds == {False, True}, "some grass, some not"
