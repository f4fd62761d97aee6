import dataclasses

import numpy as np
import pytest

from tfland.toyworld import landscapes
from tfland.toyworld.config import stream
from tfland.toyworld.light import Light

SCENES = {name: getattr(landscapes, name) for name in ("forest", "meadow", "mountains", "road", "sea")}
SKY = (255.0, 0.0, 255.0)
# A sky of a colour that nothing else has, and other colours as they are.
LIGHT = Light(
    name="test",
    sun=np.array([0.0, -0.6, 0.8]),
    sunlight=(0.0, 0.0, 0.0),
    ambient=(1.0, 1.0, 1.0),
    sky_top=SKY,
    sky_low=SKY,
    haze=0.0,
    glow=0.0,
    clouds=0.0,
)
HEIGHT, WIDTH = 120, 160


def painted(name: str, seed: int, light: Light = LIGHT) -> np.ndarray:
    canvas = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    SCENES[name](canvas, light, stream(seed, name))
    return canvas


def horizon(name: str, seed: int) -> float:
    """Row of the horizon, recomputed: a camera that looks up by the slope s has it s focal lengths lower."""
    slope = stream(seed, name).uniform(-0.12, 0.12)
    return float(HEIGHT / 2 + slope * 1.2 * WIDTH)


@pytest.mark.parametrize("name", SCENES)
def test_scenes_hang_on_their_stream_alone(name: str) -> None:
    pictures = np.stack([painted(name, seed) for seed in (0, 0, 1, 2, 3)]).astype(float)
    assert (pictures[0] == pictures[1]).all()
    differ = np.abs(pictures[1:, None] - pictures[None, 1:]).mean(axis=(2, 3, 4))
    assert differ[~np.eye(4, dtype=bool)].min() > 4


@pytest.mark.parametrize("name", SCENES)
def test_the_sky_is_above_the_horizon_and_nowhere_else(name: str) -> None:
    for seed in range(8):
        sky = (painted(name, seed) == SKY).all(axis=2)
        row = horizon(name, seed)
        assert sky[: int(row) - 1].any()
        assert not sky[int(row) + 2 :].any()
        if name in ("sea", "road"):
            assert sky[: int(row) - 1].mean() > 0.5


@pytest.mark.parametrize("name", SCENES)
def test_scenes_are_lit(name: str) -> None:
    """In half the light, with half the sky, a picture is about half as bright."""
    half = (127.5, 0.0, 127.5)
    dim = dataclasses.replace(LIGHT, ambient=(0.5, 0.5, 0.5), sky_top=half, sky_low=half)
    for seed in range(3):
        assert painted(name, seed, dim).mean() / painted(name, seed).mean() == pytest.approx(0.5, abs=0.04)


def test_roads_widen_towards_the_camera() -> None:
    """Asphalt is a triangle under the horizon: its width grows with the distance from it, cars or not."""
    for seed in range(6):
        canvas = painted("road", seed).astype(int)
        asphalt = (np.abs(canvas - [105, 100, 98]) <= 1).all(axis=2).sum(axis=1)
        row = horizon("road", seed)
        near, far = asphalt[-10:].max(), asphalt[: round(row + 0.25 * (HEIGHT - row))].max()
        assert near > 1.5 * far
        assert near > 0.3 * WIDTH


def test_far_ridges_have_snow_and_the_haze_of_the_sky() -> None:
    """The farthest of four ridges is a quarter rock and three quarters sky, which is magenta here."""
    hazy = 0
    for seed in range(6):
        canvas = painted("mountains", seed).astype(int)
        assert (canvas >= 249).all(axis=2).sum() > 20
        blue, green, red = np.moveaxis(canvas, 2, 0)
        hazy += ((np.minimum(blue, red) > 190) & (np.maximum(blue, red) < 250) & (green < 40)).sum() > 30
    assert hazy >= 4


def test_forests_are_busier_than_the_sea() -> None:
    """Leaves are small: neighbouring pixels differ more."""
    busy = {
        name: np.mean([np.abs(np.diff(painted(name, seed).astype(int), axis=1)).mean() for seed in range(6)])
        for name in ("forest", "sea")
    }
    assert busy["forest"] > 1.5 * busy["sea"]
