import dataclasses

import numpy as np
import pytest

from tfland.toyworld.config import stream
from tfland.toyworld.ornaments import ORNAMENTS, clock, lettering, mosaic, relief, rose
from tfland.toyworld.palette import make_palette
from tfland.toyworld.windows import Cell

PALETTE = make_palette("ochre", stream(1))


def drawn(painter, seed: int, shape: tuple[int, int] = (80, 80), palette=PALETTE) -> Cell:
    """A wall with one ornament, 100 pixels from its edges."""
    height, width = shape
    picture = np.full((height + 200, width + 200, 3), 128, np.uint8)
    cell = Cell(picture, np.zeros(picture.shape[:2], np.uint8), 100, 100, 100 + width, 100 + height)
    painter(cell, palette, stream(6, seed))
    return cell


@pytest.mark.parametrize("painter", ORNAMENTS.values())
@pytest.mark.parametrize("shape", [(12, 12), (40, 16), (16, 90), (80, 80)])
def test_ornaments_draw_in_their_cell_at_any_size(painter, shape: tuple[int, int]) -> None:
    height, width = shape
    for seed in range(4):
        picture = drawn(painter, seed, shape).picture
        assert (picture[100 : 100 + height, 100 : 100 + width] != 128).mean() > 0.1
        picture[60 : 140 + height, 60 : 140 + width] = 128
        assert (picture == 128).all(), "drawn far outside its cell"


@pytest.mark.parametrize("painter", ORNAMENTS.values())
def test_no_two_ornaments_are_alike(painter) -> None:
    """What makes a facade unlike any other must itself never repeat."""
    pictures = np.stack([drawn(painter, seed).picture for seed in range(12)])
    assert (drawn(painter, 0).picture == pictures[0]).all()
    differ = (pictures[:, None] != pictures[None]).any(axis=4)[:, :, 100:180, 100:180].mean(axis=(2, 3))
    assert differ[~np.eye(12, dtype=bool)].min() > 0.02


@pytest.mark.parametrize("shape", [(60, 60), (50, 120), (120, 50)])
@pytest.mark.parametrize(("painter", "share", "light"), [(clock, 0.42, 255), (rose, 0.46, 200)])
def test_dials_and_rose_windows_shine_as_discs(painter, share: float, light: int, shape: tuple[int, int]) -> None:
    cell = drawn(painter, 1, shape)
    ys, xs = np.nonzero(cell.glow)
    radius = share * min(shape)
    assert set(np.unique(cell.glow)) == {0, light}
    assert len(xs) == pytest.approx(np.pi * radius**2, rel=0.06)
    assert (xs.mean(), ys.mean()) == pytest.approx(cell.centre, abs=0.1)


def test_other_ornaments_do_not_shine() -> None:
    shining = {name for name, painter in ORNAMENTS.items() if drawn(painter, 2).glow.any()}
    assert shining == {"clock", "rose"}


def test_a_clock_has_twelve_marks() -> None:
    """Round the dial at 0.9 of the radius, which the hands do not reach, light turns to dark twelve times."""
    cell = drawn(clock, 3, (400, 400))
    (x, y), radius = cell.centre, 0.9 * 0.42 * 400
    angles = np.linspace(0, 2 * np.pi, 3600, endpoint=False)
    xs, ys = np.round(x + radius * np.cos(angles)).astype(int), np.round(y + radius * np.sin(angles)).astype(int)
    grey = cell.picture[ys, xs].astype(float).mean(axis=1)
    dark = grey < (grey.min() + grey.max()) / 2
    assert (dark & ~np.roll(dark, 1)).sum() == 12


def test_mosaics_are_of_the_palettes_colours_and_one_more() -> None:
    ours = [tuple(int(c) for c in getattr(PALETTE, name)) for name in ("accent", "trim", "second", "door")]
    for seed in range(5):
        cell = drawn(mosaic, seed)
        inside = cell.inner(0.2, 0.2)
        part = cell.picture[inside.top : inside.bottom, inside.left : inside.right].reshape(-1, 3)
        seen = {tuple(colour) for colour in np.unique(part, axis=0).tolist()}
        assert len(seen - set(ours)) <= 1
        assert len(seen) >= 3


@pytest.mark.parametrize("shape", [(40, 160), (60, 60), (120, 40)])
def test_inscriptions_stay_on_their_panel(shape: tuple[int, int]) -> None:
    palette = dataclasses.replace(PALETTE, accent=(0.0, 0.0, 0.0), trim=(0.0, 0.0, 0.0), door=(255.0,) * 3)
    for seed in range(8):
        cell = drawn(lettering, seed, shape, palette)
        panel = cell.inner(0.04, 0.12)
        ink = (cell.picture > 140).all(axis=2)
        assert ink.any()
        ys, xs = np.nonzero(ink)
        assert panel.left <= xs.min() <= xs.max() <= panel.right
        assert panel.top <= ys.min() <= ys.max() <= panel.bottom


def test_reliefs_are_of_one_stone() -> None:
    """Light and dark, but the trim's hue throughout."""
    palette = dataclasses.replace(PALETTE, trim=(60.0, 120.0, 200.0))
    part = drawn(relief, 4, (80, 80), palette).picture[120:160, 115:165].reshape(-1, 3).astype(float)
    np.testing.assert_allclose(part[:, 0] / part[:, 2], 0.3, atol=0.03)
    np.testing.assert_allclose(part[:, 1] / part[:, 2], 0.6, atol=0.03)
    assert part[:, 2].std() > 10
