"""Textures of a building's faces: a material, storeys and bays, windows and ornaments, dirt."""

import dataclasses
import itertools
from collections.abc import Callable

import cv2
import numpy as np

from tfland.toyworld.materials import WALL_MATERIALS, finish, flat, noise, tiles
from tfland.toyworld.ornaments import ORNAMENTS
from tfland.toyworld.palette import Palette, shade
from tfland.toyworld.windows import WINDOWS, Cell, portal

# Sizes below are in pixels of a wall whose building is 512 pixels large; `scale` converts.
_REFERENCE_PX = 512
_MIN_SIDE_PX = 8
_LEVELS = 4


@dataclasses.dataclass(frozen=True, kw_only=True)
class TextureSpec:
    """What a texture shows.

    Attributes:
        kind: a key of `KINDS`.
        width: metres.
        height: metres.
        material: a key of `WALL_MATERIALS`.
        window: a key of `WINDOWS`, the facade's main motif.
        openings: holes as (centre, half width, springing height) in metres from the left and the bottom.
    """

    kind: str
    width: float
    height: float
    material: str
    window: str
    openings: tuple[tuple[float, float, float], ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Texture:
    """A texture and halved copies of it, the largest first.

    Attributes:
        pictures: each [H, W, 3] uint8 BGR.
        glows: each [H, W] uint8, light of windows at night.
        masks: each [H, W] uint8, 0 where there is a hole; empty for a texture without holes.
    """

    pictures: tuple[np.ndarray, ...]
    glows: tuple[np.ndarray, ...]
    masks: tuple[np.ndarray, ...]


def make_texture(
    spec: TextureSpec, palette: Palette, rng: np.random.Generator, pixels_per_metre: float, extent: float
) -> Texture:
    """Paints a texture.

    Args:
        spec: what it shows.
        palette: the building's colours.
        rng: source of its details.
        pixels_per_metre: resolution.
        extent: the building's size in metres; details keep their share of the building.
    """
    width = max(_MIN_SIDE_PX, round(spec.width * pixels_per_metre))
    height = max(_MIN_SIDE_PX, round(spec.height * pixels_per_metre))
    scale = pixels_per_metre * extent / _REFERENCE_PX
    painter = KINDS[spec.kind]
    picture, glow = painter(height, width, spec, palette, rng, scale)
    masks: tuple[np.ndarray, ...] = ()
    if spec.openings:
        masks = _pyramid(_holes(spec, height, width))
    return Texture(pictures=_pyramid(picture), glows=_pyramid(glow), masks=masks)


def _pyramid(picture: np.ndarray) -> tuple[np.ndarray, ...]:
    levels = [picture]
    for _ in range(_LEVELS - 1):
        height, width = levels[-1].shape[:2]
        half = (max(1, width // 2), max(1, height // 2))
        levels.append(cv2.resize(levels[-1], half, interpolation=cv2.INTER_AREA))
    return tuple(levels)


def _holes(spec: TextureSpec, height: int, width: int) -> np.ndarray:
    mask = np.full((height, width), 255, np.uint8)
    across, up = width / spec.width, height / spec.height
    for centre, half, spring in spec.openings:
        angles = np.linspace(0, np.pi, 25)
        xs, zs = centre + half * np.cos(angles), spring + half * np.sin(angles)
        points = [(x * across, height - z * up) for x, z in zip(xs, zs, strict=True)]
        points += [((centre - half) * across, height + 9), ((centre + half) * across, height + 9)]
        cv2.fillPoly(mask, [np.round(points).astype(np.int32)], 0)
    return mask


def _facade(
    height: int, width: int, spec: TextureSpec, palette: Palette, rng: np.random.Generator, scale: float
) -> tuple[np.ndarray, np.ndarray]:
    """Storeys of bays; about half of the bays hold something that occurs nowhere else."""
    grain = rng.uniform(11, 19) * scale
    picture = WALL_MATERIALS[spec.material](height, width, palette, rng, grain)
    glow = np.zeros((height, width), np.uint8)
    storeys = _edges(height, rng.uniform(70, 120) * scale, rng)
    ornaments = rng.choice(list(ORNAMENTS), 5, replace=False).tolist()
    for number, (top, bottom) in enumerate(itertools.pairwise(storeys)):
        bays = _edges(width, rng.uniform(0.62, 1.05) * (bottom - top), rng)
        for left, right in itertools.pairwise(bays):
            _bay(Cell(picture, glow, left, top, right, bottom), spec, ornaments, palette, rng)
        if number:
            _string_course(picture, top, palette, rng, scale)
    return picture, glow


def _front(
    height: int, width: int, spec: TextureSpec, palette: Palette, rng: np.random.Generator, scale: float
) -> tuple[np.ndarray, np.ndarray]:
    """A facade with a portal and one or two large ornaments, off centre as often as not."""
    picture, glow = _facade(height, width, spec, palette, rng, scale)
    size = rng.uniform(0.2, 0.34) * min(width, height * 1.3)
    for _ in range(int(rng.integers(1, 3)) + (width > 1.6 * height)):
        x = rng.uniform(0.02, 0.98 - size / width) * width
        y = rng.uniform(0.03, 0.42) * height
        wide = size * rng.uniform(0.9, 1.5)
        cell = _clipped(Cell(picture, glow, round(x), round(y), round(x + wide), round(y + size)))
        name = str(rng.choice(["rose", "clock", "mural", "lettering", "sunburst", "mosaic", "shield"]))
        ORNAMENTS[name](cell, palette, rng)
    if not spec.openings:
        x, tall = rng.uniform(0.1, 0.7) * width, rng.uniform(0.28, 0.4) * min(height, 1.2 * width)
        wide = tall * rng.uniform(0.7, 1.0)
        cell = Cell(picture, glow, round(x), round(height - tall), round(x + wide), height - 1)
        portal(_clipped(cell), palette, rng)
    return _weathered(picture, rng, scale), glow


def _side(
    height: int, width: int, spec: TextureSpec, palette: Palette, rng: np.random.Generator, scale: float
) -> tuple[np.ndarray, np.ndarray]:
    picture, glow = _facade(height, width, spec, palette, rng, scale)
    return _weathered(picture, rng, scale), glow


def _roof(
    height: int, width: int, spec: TextureSpec, palette: Palette, rng: np.random.Generator, scale: float
) -> tuple[np.ndarray, np.ndarray]:
    picture = tiles(height, width, palette, rng, rng.uniform(9, 14) * scale)
    glow = np.zeros((height, width), np.uint8)
    for _ in range(int(rng.integers(0, 4))):
        size = round(rng.uniform(26, 40) * scale)
        if width > 2 * size and height > 2 * size:
            x, y = int(rng.integers(0, width - size)), int(rng.integers(height // 4, height - size))
            WINDOWS[spec.window](Cell(picture, glow, x, y, x + size, y + size), palette, rng)
    return picture, glow


def _trim(
    height: int, width: int, spec: TextureSpec, palette: Palette, rng: np.random.Generator, scale: float
) -> tuple[np.ndarray, np.ndarray]:
    """Columns, cornices, steps: stone with flutes or a running pattern."""
    picture = flat(height, width, shade(palette.trim, rng.uniform(0.85, 1.0)))
    step = max(3, round(rng.uniform(7, 13) * scale))
    along = np.arange(width if width >= height else height) // step
    tones = np.where(rng.random(along.max() + 1) < 0.5, 1.0, 0.72).astype(np.float32)[along]
    picture *= tones[None, :, None] if width >= height else tones[:, None, None]
    return _weathered(finish(picture), rng, scale), np.zeros((height, width), np.uint8)


def _weathered(picture: np.ndarray, rng: np.random.Generator, scale: float) -> np.ndarray:
    """Stains, streaks under ledges, a dark foot and shadow under the eaves."""
    height, width = picture.shape[:2]
    gain = 1 + noise(height, width, 60 * scale, rng, 0.16) + noise(height, width, 9 * scale, rng, 0.07)
    gain *= 1 - 0.12 * np.clip(noise(2, width, 5 * scale, rng)[:1], 0, 1)
    v = np.linspace(0, 1, height, dtype=np.float32)[:, None]
    gain *= 1 - 0.28 * np.exp(-v * height / (9 * scale)) - 0.2 * np.exp((v - 1) * height / (22 * scale))
    return cv2.multiply(picture, cv2.merge([gain] * 3), dtype=cv2.CV_8U)


def _bay(cell: Cell, spec: TextureSpec, ornaments: list[str], palette: Palette, rng: np.random.Generator) -> None:
    draw = rng.random()
    if min(cell.width, cell.height) < 10:
        return
    if draw < 0.5:
        WINDOWS[spec.window](cell, palette, rng)
    elif draw < 0.64:
        WINDOWS[str(rng.choice(list(WINDOWS)))](cell, palette, rng)
    elif draw < 0.94:
        ORNAMENTS[str(rng.choice(ornaments))](cell, palette, rng)


def _string_course(picture: np.ndarray, y: int, palette: Palette, rng: np.random.Generator, scale: float) -> None:
    """A cornice between storeys with a frieze of dentils, lozenges or checks of irregular length."""
    width, tall = picture.shape[1], max(2, round(rng.uniform(4, 11) * scale))
    cv2.rectangle(picture, (0, y - tall), (width, y), palette.trim, -1)
    edges = np.cumsum(rng.uniform(0.5, 2.2, int(width / tall) + 2) * tall)
    colour = [palette.accent, palette.second, shade(palette.trim, 0.5)][rng.integers(3)]
    for left, right in zip(edges[::2], edges[1::2], strict=False):
        cv2.rectangle(picture, (int(left), y - tall + 1), (int(right), y - tall // 3), colour, -1)
    cv2.line(picture, (0, y + 1), (width, y + 1), shade(palette.wall, 0.5), max(1, tall // 3))


def _edges(length: int, step: float, rng: np.random.Generator) -> list[int]:
    """Pixels at which a length is cut into unequal parts of about `step`."""
    parts = rng.uniform(0.6, 1.4, max(1, round(length / step)))
    return [0, *np.round(np.cumsum(parts) / parts.sum() * length).astype(int).tolist()]


def _clipped(cell: Cell) -> Cell:
    height, width = cell.glow.shape
    return dataclasses.replace(
        cell,
        left=max(0, cell.left),
        top=max(0, cell.top),
        right=min(width, cell.right),
        bottom=min(height, cell.bottom),
    )


Painter = Callable[[int, int, TextureSpec, Palette, np.random.Generator, float], tuple[np.ndarray, np.ndarray]]
KINDS: dict[str, Painter] = {"front": _front, "roof": _roof, "side": _side, "trim": _trim}
