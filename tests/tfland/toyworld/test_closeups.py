import colorsys
import dataclasses

import numpy as np
import pytest

from tfland.toyworld import closeups
from tfland.toyworld.config import stream
from tfland.toyworld.light import Light
from tfland.toyworld.palette import bgr

SCENES = {name: getattr(closeups, name) for name in ("animal", "flowers", "night_sky", "pattern", "portrait", "table")}
# Colours as they are.
PLAIN = Light(
    name="test",
    sun=np.array([0.0, -0.6, 0.8]),
    sunlight=(0.0, 0.0, 0.0),
    ambient=(1.0, 1.0, 1.0),
    sky_top=(200.0, 120.0, 60.0),
    sky_low=(230.0, 210.0, 190.0),
    haze=0.0,
    glow=0.0,
    clouds=0.0,
)


def painted(name: str, seed: int, light: Light = PLAIN, shape: tuple[int, int] = (120, 160)) -> np.ndarray:
    canvas = np.zeros((*shape, 3), np.uint8)
    SCENES[name](canvas, light, stream(seed, name))
    return canvas


@pytest.mark.parametrize("name", SCENES)
def test_scenes_hang_on_their_stream_alone(name: str) -> None:
    pictures = np.stack([painted(name, seed) for seed in (0, 0, 1, 2, 3)]).astype(float)
    assert (pictures[0] == pictures[1]).all()
    differ = np.abs(pictures[1:, None] - pictures[None, 1:]).mean(axis=(2, 3, 4))
    assert differ[~np.eye(4, dtype=bool)].min() > 4


@pytest.mark.parametrize("name", sorted(set(SCENES) - {"night_sky"}))
def test_scenes_are_lit(name: str) -> None:
    """In half the light a picture is about half as bright; what is drawn in fixed colours is little."""
    dim = dataclasses.replace(PLAIN, ambient=(0.5, 0.5, 0.5))
    for seed in range(3):
        assert painted(name, seed, dim).mean() / painted(name, seed).mean() == pytest.approx(0.5, abs=0.06)


def test_portraits_have_a_face_about_the_middle() -> None:
    for seed in range(10):
        canvas = painted("portrait", seed, shape=(240, 320))
        eyes = (canvas == 240).all(axis=2)
        ys, xs = np.nonzero(eyes)
        assert 8 <= len(xs) < 2400
        assert 0.3 * 320 < xs.mean() < 0.7 * 320
        assert 0.3 * 240 < ys.mean() < 0.52 * 240
        # Between the eyes there is skin: hue 22 degrees, saturation 0.42.
        blue, green, red = canvas[round(ys.mean()), round(xs.mean())] / 255
        hue, saturation, value = colorsys.rgb_to_hsv(red, green, blue)
        assert 360 * hue == pytest.approx(22, abs=4)
        assert saturation == pytest.approx(0.42, abs=0.08)
        assert 0.39 <= value <= 0.93


def test_animals_stand_on_grass() -> None:
    for seed in range(10):
        foot = painted("animal", seed)[-6:].reshape(-1, 3).mean(axis=0)
        assert foot[1] > foot[2] > foot[0], "from yellowish to full green"


def test_flowers_have_a_yellow_heart_and_green_stems() -> None:
    heart, stem = bgr(45, 0.8, 0.9), bgr(110, 0.6, 0.35)
    for seed in range(10):
        canvas = painted("flowers", seed).astype(float)
        assert (np.abs(canvas - heart) <= 1).all(axis=2).sum() > 8
        assert (np.abs(canvas - stem) <= 1).all(axis=2).sum() > 8


def test_tables_are_laid_with_plates_that_cast_shadows() -> None:
    """Seven plates of ten are white; beside them it is 0.35 as bright."""
    pictures = [painted("table", seed).astype(int) for seed in range(12)]
    white = [(canvas == 245).all(axis=2).mean() for canvas in pictures]
    shadows = [(np.abs(canvas - 0.35 * 245) <= 1).all(axis=2).sum() for canvas in pictures]
    assert sum(share > 0.01 for share in white) >= 8
    assert max(white) < 0.8
    assert sum(count > 5 for count in shadows) >= 8


def test_patterns_leave_little_ground() -> None:
    """The ground is the darkest; pebbles of many colours cover most of it."""
    for seed in range(6):
        colours, counts = np.unique(painted("pattern", seed).reshape(-1, 3), axis=0, return_counts=True)
        assert counts.max() / counts.sum() < 0.6
        assert len(colours) > 100


def test_nights_are_dark_with_bright_stars() -> None:
    for seed in range(6):
        canvas = painted("night_sky", seed, shape=(240, 320))
        assert np.median(canvas) < 80
        assert 60 <= (canvas == 255).all(axis=2).sum() < 0.1 * 240 * 320
