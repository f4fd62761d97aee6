"""What walls, roofs and grounds are made of: pictures without windows, [H, W, 3] uint8 BGR."""

import itertools
from collections.abc import Callable

import cv2
import numpy as np

from tfland.toyworld.palette import Colour, Palette, shade

Material = Callable[[int, int, Palette, np.random.Generator, float], np.ndarray]


def noise(height: int, width: int, cell: float, rng: np.random.Generator, amplitude: float = 1.0) -> np.ndarray:
    """[H, W] float32, smooth noise within ±amplitude whose grains are about `cell` pixels wide."""
    shape = (max(2, int(height / cell) + 1), max(2, int(width / cell) + 1))
    grains = rng.uniform(-amplitude, amplitude, shape).astype(np.float32)
    return cv2.resize(grains, (width, height), interpolation=cv2.INTER_LINEAR)


def flat(height: int, width: int, colour: Colour) -> np.ndarray:
    """[H, W, 3] float32 of one colour."""
    return np.full((height, width, 3), colour, np.float32)


def finish(picture: np.ndarray) -> np.ndarray:
    """uint8 of a float picture, clipped."""
    return cv2.convertScaleAbs(np.maximum(picture, 0))


def _blocks(
    height: int, width: int, size: tuple[float, float], rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Courses of blocks: ([H, W] int, the block's number; [H, W] bool, true in the joints)."""
    block_height, block_width = size
    edges = np.cumsum(rng.uniform(0.75, 1.25, int(height / block_height / 0.75) + 2) * block_height)
    rows = np.searchsorted(edges, np.arange(height), side="right")
    # A course begins at the first whole pixel that its edge does not cut.
    top = np.ceil(np.concatenate([[0], edges])).astype(int)[rows]
    lengths = rng.uniform(0.55, 1.45, (rows.max() + 1, int(width / block_width / 0.5) + 3)) * block_width
    ends = np.cumsum(lengths, axis=1) - rng.uniform(0, block_width, (len(lengths), 1))
    columns = np.stack([np.searchsorted(row, np.arange(width), side="right") for row in ends])
    number = columns[rows] + rows[:, None] * 1000
    joint = (np.arange(height) == top)[:, None] | np.roll(np.diff(columns, axis=1, prepend=0) > 0, 0, 1)[rows]
    return number, joint


def _masonry(
    height: int, width: int, colours: tuple[Colour, Colour], rng: np.random.Generator, size: tuple[float, float]
) -> np.ndarray:
    number, joint = _blocks(height, width, size, rng)
    tones = rng.normal(1.0, 0.11, number.max() + 1).astype(np.float32)
    # Some blocks are replaced or weathered: such odd ones are what tells one wall from another.
    odd = rng.random(len(tones)) < 0.06
    tones[odd] *= rng.choice([0.62, 1.3], odd.sum())
    mixed = (rng.random(len(tones)) < 0.08).astype(np.float32)
    base = np.array(colours[0], np.float32) * (1 - mixed[:, None]) + np.array(colours[1], np.float32) * mixed[:, None]
    picture = (base * tones[:, None])[number]
    picture[joint] *= 0.78
    return picture


def brick(height: int, width: int, palette: Palette, rng: np.random.Generator, grain: float) -> np.ndarray:
    """Small bricks; `grain` is the block's height in pixels of an ordinary wall."""
    return finish(_masonry(height, width, (palette.wall, palette.second), rng, (grain * 0.6, grain * 1.6)))


def ashlar(height: int, width: int, palette: Palette, rng: np.random.Generator, grain: float) -> np.ndarray:
    """Large cut stones."""
    return finish(_masonry(height, width, (palette.wall, palette.second), rng, (grain * 1.2, grain * 2.4)))


def plaster(height: int, width: int, palette: Palette, rng: np.random.Generator, grain: float) -> np.ndarray:
    """Painted plaster with patches where it has come off."""
    picture = flat(height, width, palette.wall)
    picture *= 1 + noise(height, width, 3 * grain, rng, 0.09)[..., None]
    bare = noise(height, width, 2.2 * grain, rng) + noise(height, width, 0.8 * grain, rng, 0.5) > 0.95
    picture[bare] = _masonry(height, width, (palette.second, palette.wall), rng, (grain * 0.6, grain * 1.6))[bare]
    return finish(picture)


def banded(height: int, width: int, palette: Palette, rng: np.random.Generator, grain: float) -> np.ndarray:
    """Courses of two colours in irregular bands, like the cathedrals of Tuscany."""
    edges = np.cumsum(rng.uniform(0.6, 2.2, int(height / grain / 0.6) + 2) * grain)
    second = np.searchsorted(edges, np.arange(height)) % 2 == 1
    picture = _masonry(height, width, (palette.wall, palette.second), rng, (grain, grain * 2.2))
    other = _masonry(height, width, (palette.second, palette.wall), rng, (grain, grain * 2.2))
    picture[second] = other[second]
    return finish(picture)


def diaper(height: int, width: int, palette: Palette, rng: np.random.Generator, grain: float) -> np.ndarray:
    """Lozenges of tiles, each of a colour of its own."""
    y, x = np.mgrid[:height, :width].astype(np.float32) / (grain * 2.0)
    cell = (np.floor(x + y).astype(int) % 61) * 61 + np.floor(x - y).astype(int) % 61
    choice = rng.choice(4, 61 * 61, p=[0.55, 0.25, 0.12, 0.08])
    colours = np.array([palette.wall, palette.second, palette.trim, palette.accent], np.float32)[choice]
    return finish((colours * rng.normal(1, 0.07, (len(colours), 1)).astype(np.float32))[cell])


def timber(height: int, width: int, palette: Palette, rng: np.random.Generator, grain: float) -> np.ndarray:
    """Half-timbering: dark beams, some of them slanting, over plaster."""
    picture = plaster(height, width, palette, rng, grain)
    beam, step = shade(palette.door, 0.7), 5.0 * grain
    thickness = max(2, round(grain * 0.45))
    xs = np.cumsum(rng.uniform(0.6, 1.4, int(width / step / 0.6) + 2) * step).astype(int)
    ys = np.cumsum(rng.uniform(0.7, 1.3, int(height / step / 0.7) + 2) * step).astype(int)
    for x in xs:
        cv2.line(picture, (int(x), 0), (int(x), height), beam, thickness)
    for y in ys:
        cv2.line(picture, (0, int(y)), (width, int(y)), beam, thickness)
        for left, right in itertools.pairwise(xs):
            if rng.random() < 0.5:
                up, down = (y, y - step) if rng.random() < 0.5 else (y - step, y)
                cv2.line(picture, (int(left), int(up)), (int(right), int(down)), beam, thickness, cv2.LINE_AA)
    return picture


def panels(height: int, width: int, palette: Palette, rng: np.random.Generator, grain: float) -> np.ndarray:
    """Curtain wall: large panels of glass and enamel."""
    number, joint = _blocks(height, width, (grain * 2.2, grain * 2.6), rng)
    choice = rng.choice(4, number.max() + 1, p=[0.5, 0.25, 0.17, 0.08])
    colours = np.array([palette.wall, palette.glass, palette.second, palette.accent], np.float32)[choice]
    picture = (colours * rng.normal(1, 0.1, (len(colours), 1)).astype(np.float32))[number]
    picture[joint] = palette.trim
    return finish(picture)


def tiles(height: int, width: int, palette: Palette, rng: np.random.Generator, grain: float) -> np.ndarray:
    """Roof tiles in courses with a pattern of a second colour."""
    picture = _masonry(height, width, (palette.roof, shade(palette.roof, 0.6)), rng, (grain * 0.8, grain * 1.0))
    y, x = np.mgrid[:height, :width].astype(np.float32) / (grain * rng.uniform(3.5, 6.0))
    zigzag = np.abs((x % 2) - 1) * rng.choice([0.0, 1.0]) + y
    stripe = (zigzag % rng.uniform(1.6, 3.0)) < rng.uniform(0.25, 0.6)
    picture[stripe] = picture[stripe] * 0.45 + np.array(palette.accent, np.float32) * 0.5
    picture *= 1 + noise(height, width, grain * 4, rng, 0.18)[..., None]
    return finish(picture)


WALL_MATERIALS: dict[str, Material] = {
    "ashlar": ashlar,
    "banded": banded,
    "brick": brick,
    "diaper": diaper,
    "panels": panels,
    "plaster": plaster,
    "timber": timber,
}
