import dataclasses

import numpy as np
import pytest

from tfland.toyworld.config import stream
from tfland.toyworld.materials import WALL_MATERIALS, brick, finish, flat, noise, panels, tiles
from tfland.toyworld.palette import Palette, make_palette

PALETTE = make_palette("ochre", stream(1))
BLACK = Palette(**dict.fromkeys(vars(PALETTE), (0.0, 0.0, 0.0)))
# What each material takes from the palette.
COLOURS = {
    "ashlar": {"wall", "second"},
    "banded": {"wall", "second"},
    "brick": {"wall", "second"},
    "diaper": {"wall", "second", "trim", "accent"},
    "panels": {"wall", "second", "trim", "accent", "glass"},
    "plaster": {"wall", "second"},
    "timber": {"wall", "second", "door"},
}


@pytest.mark.parametrize("cell", [3.0, 14.0, 500.0])
def test_noise_is_bounded_smooth_and_not_flat(cell: float) -> None:
    height, width, amplitude = 90, 130, 0.3
    field = noise(height, width, cell, stream(2), amplitude)
    assert field.shape == (height, width)
    assert field.dtype == np.float32
    assert np.abs(field).max() <= amplitude
    assert field.std() > 0.1 * amplitude
    # Between two grains noise is a straight line: its steepest step follows from the grains' distance.
    grains = max(2, int(width / cell) + 1)
    assert np.abs(np.diff(field, axis=1)).max() <= 2 * amplitude * grains / width + 1e-6
    assert (noise(height, width, cell, stream(2), amplitude) == field).all()


def test_finished_pictures_are_clipped_at_both_ends() -> None:
    picture = flat(2, 3, (-40.0, 99.6, 300.0))
    assert picture.shape == (2, 3, 3)
    assert finish(picture).dtype == np.uint8
    assert finish(picture)[1, 2].tolist() == [0, 100, 255]


@pytest.mark.parametrize("name", WALL_MATERIALS)
def test_materials_take_their_colours_from_the_palette(name: str) -> None:
    """With all other colours black, a colour of the palette shows if and only if the material uses it."""
    seen = set()
    for field in vars(PALETTE):
        palette = dataclasses.replace(BLACK, **{field: (90.0, 120.0, 150.0)})
        picture = WALL_MATERIALS[name](160, 200, palette, stream(3), 14.0)
        assert picture.shape == (160, 200, 3)
        assert picture.dtype == np.uint8
        if picture.any():
            seen.add(field)
            lights = picture.reshape(-1, 3)[picture.max(axis=2).ravel() > 60].astype(float)
            np.testing.assert_allclose(lights[:, 0] / lights[:, 2], 90 / 150, atol=0.03)
    assert seen == COLOURS[name]


@pytest.mark.parametrize("name", WALL_MATERIALS)
def test_materials_depend_on_their_stream_alone(name: str) -> None:
    one, again, other = (WALL_MATERIALS[name](80, 100, PALETTE, stream(4, n), 11.0) for n in (1, 1, 2))
    assert (one == again).all()
    assert (one != other).any(axis=2).mean() > 0.3


@pytest.mark.parametrize("grain", [12.0, 24.0])
def test_bricks_are_as_high_as_the_grain_says(grain: float) -> None:
    """A joint is 0.78 as bright as the course below it; courses are 0.6 of a grain high."""
    palette = dataclasses.replace(BLACK, wall=(120.0,) * 3, second=(120.0,) * 3)
    rows = brick(600, 300, palette, stream(5), grain).astype(float).mean(axis=(1, 2))
    courses = (rows[:-1] / rows[1:] < 0.85).sum()
    assert courses == pytest.approx(600 / (0.6 * grain), rel=0.1)


def test_panels_are_framed() -> None:
    """Joints have the trim's own colour and surround every panel."""
    palette = dataclasses.replace(BLACK, trim=(10.0, 20.0, 250.0))
    joints = (panels(200, 200, palette, stream(6), 15.0) == (10, 20, 250)).all(axis=2)
    assert 2 / 40 < joints.mean() < 0.15
    assert joints[0].all()
    assert joints.any(axis=0).all()


@pytest.mark.parametrize("shape", [(9, 70), (70, 9), (1, 1)])
def test_tiles_fill_any_shape_with_roof_and_accent(shape: tuple[int, int]) -> None:
    picture = tiles(*shape, PALETTE, stream(7), 10.0)
    assert picture.shape == (*shape, 3)
    only = dataclasses.replace(BLACK, roof=(0.0, 0.0, 200.0), accent=(200.0, 0.0, 0.0))
    picture = tiles(120, 120, only, stream(7), 10.0)
    assert not picture[..., 1].any()
    assert picture[..., 0].any()
    assert picture[..., 2].min() > 0
