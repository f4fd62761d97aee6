import numpy as np
import pytest

from tfland.toyworld.architect import Building
from tfland.toyworld.camera import Camera, look_at
from tfland.toyworld.facades import Texture
from tfland.toyworld.light import Light, gain
from tfland.toyworld.render import draw_building
from tfland.toyworld.solids import Solid, box, revolved, solid

COLOURS = np.array([[[200, 10, 10], [10, 200, 10]], [[10, 10, 200], [200, 200, 10]]], np.uint8)
LIGHT = Light(
    name="sun",
    sun=np.array([0.0, -1.0, 0.0]),
    sunlight=(0.5, 0.5, 0.5),
    ambient=(0.5, 0.5, 0.5),
    sky_top=(0, 0, 0),
    sky_low=(0, 0, 0),
    haze=0.0,
    glow=0.0,
    clouds=0.0,
)


def quartered(size: int = 64) -> Texture:
    picture = np.kron(COLOURS, np.ones((size // 2, size // 2, 1), np.uint8))
    return Texture(pictures=(picture,), glows=(np.full(picture.shape[:2], 255, np.uint8),), masks=())


def building(solids: list[Solid]) -> Building:
    low = np.min([item.low for item in solids], axis=0)
    high = np.max([item.high for item in solids], axis=0)
    return Building(family="test", solids=tuple(solids), textures={}, low=low, high=high)


def camera(position: tuple[float, float, float], target: tuple[float, float, float], roll: float = 0.0) -> Camera:
    eye = np.array(position)
    rotation = look_at(eye, np.array(target), roll)
    return Camera(position=eye, rotation=rotation, focal_px=300.0, width=320, height=240)


def draw(solids: list[Solid], view: Camera, light: Light = LIGHT) -> np.ndarray:
    canvas = np.zeros((view.height, view.width, 3), np.uint8)
    draw_building(canvas, building(solids), lambda name: quartered(), view, light)
    return canvas


@pytest.mark.parametrize("roll", [0.0, 0.2])
@pytest.mark.parametrize("x", [-12.0, 0.0, 9.0])
def test_each_quarter_of_a_wall_lands_where_the_camera_puts_it(x: float, roll: float) -> None:
    view = camera((x, -20.0, 3.0), (0.0, 0.0, 4.0), roll)
    canvas = draw([box((-6, -2, 0), (6, 2, 8), ["a"] * 5)], view)
    for row in range(2):
        for column in range(2):
            middle = np.array([[-3.0 + 6 * column, -2.0, 6.0 - 4 * row]])
            (px, py), _ = view.project(middle)[0][0], None
            np.testing.assert_allclose(canvas[int(py), int(px)], COLOURS[row, column], atol=2)


def test_perspective_is_correct_within_a_wall() -> None:
    """The texture's middle is not the picture's middle: edges between quarters must land by projection."""
    view = camera((-18.0, -9.0, 4.0), (0.0, 0.0, 4.0))
    canvas = draw([box((-6, -2, 0), (6, 2, 8), ["a"] * 5)], view)
    for shift, column in ((-0.25, 0), (0.25, 1)):
        (px, py) = view.project(np.array([[shift, -2.0, 6.0]]))[0][0]
        np.testing.assert_allclose(canvas[int(py), int(px)], COLOURS[0, column], atol=40)


def test_facets_of_a_cone_and_their_light() -> None:
    (cone,) = revolved((0, 0), [(4, 0), (2, 8)], "a", sides=4)
    view = camera((0.0, -25.0, 4.0), (0.0, 0.0, 4.0))
    canvas = draw([cone], view)
    front = cone.faces[0]
    expected = COLOURS[0, 0] * gain(LIGHT, front.normal)[0]
    (px, py) = view.project(np.array([[0.0, -2.6, 5.6]]))[0][0]
    np.testing.assert_allclose(canvas[int(py), int(px)], expected, atol=3)


def test_nearer_walls_hide_farther_ones_and_backs_are_not_drawn() -> None:
    near, far = box((-2, -6, 0), (2, -4, 8), ["near"] * 5), box((-6, 0, 0), (6, 4, 8), ["far"] * 5)
    asked: list[str] = []
    view = camera((0.0, -20.0, 4.0), (0.0, 0.0, 4.0))
    canvas = np.zeros((240, 320, 3), np.uint8)

    def texture(name: str) -> Texture:
        asked.append(name)
        plain = np.full((8, 8, 3), 200 if name == "near" else 100, np.uint8)
        return Texture(pictures=(plain,), glows=(plain[..., 0],), masks=())

    draw_building(canvas, building([near, far]), texture, view, LIGHT)
    assert canvas[120, 160, 0] == 200
    assert canvas[120, 230, 0] == 100
    assert asked == ["far", "near"], "one front each: sides, backs and tops face away"


def test_windows_glow_at_dusk() -> None:
    dusk = Light(**{**vars(LIGHT), "glow": 1.0, "ambient": (0.0, 0.0, 0.0), "sunlight": (0.0, 0.0, 0.0)})
    canvas = draw([box((-6, -2, 0), (6, 2, 8), ["a"] * 5)], camera((0.0, -20.0, 3.0), (0.0, 0.0, 4.0)), dusk)
    np.testing.assert_array_equal(canvas[120, 160], [90, 190, 255])


def test_a_wall_that_reaches_behind_the_camera_is_cut() -> None:
    wall = solid(box((-50, -2, 0), (50, 2, 8), ["a"] * 5).faces)
    canvas = draw([wall], camera((0.0, -5.0, 2.0), (8.0, -2.5, 2.0)))
    assert canvas.any()
