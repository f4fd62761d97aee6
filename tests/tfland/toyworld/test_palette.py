import cv2
import numpy as np
import pytest

from tfland.toyworld.config import stream
from tfland.toyworld.palette import WALLS, Colour, bgr, make_palette, random_bgr, shade


def hsv(colour: Colour) -> np.ndarray:
    """Hue in degrees, saturation and value from 0 to 1, by OpenCV."""
    return cv2.cvtColor(np.array([[colour]], np.float32) / 255, cv2.COLOR_BGR2HSV)[0, 0]


@pytest.mark.parametrize("saturation", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("hue", [0.0, 59.0, 121.0, 200.0, 299.0, 359.0])
def test_colours_are_those_of_opencv(hue: float, saturation: float) -> None:
    expected = cv2.cvtColor(np.array([[[hue, saturation, 0.8]]], np.float32), cv2.COLOR_HSV2BGR)[0, 0] * 255
    np.testing.assert_allclose(bgr(hue, saturation, 0.8), expected, atol=1e-3)


def test_hues_go_round_and_the_rest_is_clipped() -> None:
    assert bgr(370, 0.5, 0.5) == pytest.approx(bgr(10, 0.5, 0.5))
    assert bgr(-20, 0.5, 0.5) == pytest.approx(bgr(340, 0.5, 0.5))
    assert bgr(0, 2.0, 3.0) == (0, 0, 255)
    assert bgr(90, -1.0, -1.0) == (0, 0, 0)


def test_shades_keep_the_hue_until_a_channel_is_full() -> None:
    assert shade((10, 100, 200), 0.5) == (5, 50, 100)
    assert shade((10, 100, 200), 2.0) == (20, 200, 255)


def test_paint_has_every_hue_but_is_neither_grey_nor_glaring() -> None:
    rng = stream(1)
    drawn = np.array([hsv(random_bgr(rng)) for _ in range(600)])
    assert (np.histogram(drawn[:, 0], 6, (0, 360))[0] > 60).all()
    assert 0.149 < drawn[:, 1].min() < 0.2
    assert 0.68 < drawn[:, 1].max() < 0.721
    assert 0.249 < drawn[:, 2].min() < 0.3
    assert 0.88 < drawn[:, 2].max() < 0.921


@pytest.mark.parametrize("wall", WALLS)
def test_a_wall_is_recognised_by_its_colour(wall: str) -> None:
    """Of all named walls, the mean of 40 draws is nearest to the walls of the same name."""
    means = {name: np.mean([make_palette(name, stream(2, n)).wall for n in range(40)], axis=0) for name in WALLS}
    ours = np.mean([make_palette(wall, stream(3, n)).wall for n in range(40)], axis=0)
    assert min(means, key=lambda name: np.abs(means[name] - ours).max()) == wall


@pytest.mark.parametrize("wall", WALLS)
def test_palettes_are_colours_and_no_two_are_equal(wall: str) -> None:
    palettes = [make_palette(wall, stream(8, n)) for n in (0, 1, 1)]
    for colour in vars(palettes[0]).values():
        assert len(colour) == 3
        assert 0 <= min(colour) <= max(colour) <= 255
    assert palettes[1] == palettes[2]
    assert all(one != other for one, other in zip(vars(palettes[0]).values(), vars(palettes[1]).values(), strict=True))
