"""Colours of a building, as BGR from 0 to 255 (OpenCV's order)."""

import colorsys
import dataclasses

import numpy as np

Colour = tuple[float, float, float]

# Hue (degrees), saturation, value of walls that buildings have: stone, brick, plaster, paint.
_WALLS: dict[str, tuple[float, float, float]] = {
    "sandstone": (38, 0.36, 0.83),
    "red_brick": (12, 0.58, 0.62),
    "white_marble": (45, 0.05, 0.93),
    "grey_granite": (215, 0.08, 0.60),
    "ochre": (42, 0.62, 0.84),
    "rose": (355, 0.30, 0.84),
    "teal": (176, 0.36, 0.62),
    "sky": (208, 0.34, 0.80),
    "olive": (72, 0.32, 0.60),
    "terracotta": (20, 0.60, 0.80),
    "lilac": (275, 0.22, 0.74),
    "basalt": (230, 0.14, 0.36),
    "mint": (140, 0.22, 0.80),
    "crimson": (350, 0.66, 0.58),
}
WALLS = tuple(_WALLS)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Palette:
    """The colours that a building keeps on all its faces.

    Attributes:
        wall: main wall.
        second: second wall colour, of bands, towers and patterns.
        trim: cornices, window frames, columns.
        accent: signs, mosaics, shutters.
        roof: roofs and domes.
        glass: windows by day.
        door: doors and shutters.
    """

    wall: Colour
    second: Colour
    trim: Colour
    accent: Colour
    roof: Colour
    glass: Colour
    door: Colour


def make_palette(wall: str, rng: np.random.Generator) -> Palette:
    """Colours around a named wall, `WALLS`; every draw differs."""
    hue, saturation, value = _WALLS[wall]
    hue = hue + float(rng.normal(0, 6))
    saturation = saturation * rng.uniform(0.8, 1.15)
    value = value * rng.uniform(0.92, 1.05)
    other = hue + float(rng.choice([25, -25, 150, 180, 210]))
    light_trim = rng.random() < 0.7
    roof_hue = rng.choice([10, 20, 160, 205, 225, 100, 48, 330])
    return Palette(
        wall=bgr(hue, saturation, value),
        second=bgr(other, rng.uniform(0.15, 0.6), float(np.clip(value + rng.choice([-0.28, 0.22]), 0.25, 0.95))),
        trim=bgr(hue + 10, 0.12, 0.92) if light_trim else bgr(hue, saturation * 0.9, value * 0.5),
        accent=bgr(rng.uniform(0, 360), rng.uniform(0.5, 0.8), rng.uniform(0.45, 0.8)),
        roof=bgr(roof_hue + rng.normal(0, 8), rng.uniform(0.2, 0.65), rng.uniform(0.35, 0.72)),
        glass=bgr(rng.uniform(190, 235), rng.uniform(0.2, 0.5), rng.uniform(0.22, 0.42)),
        door=bgr(rng.uniform(0, 360), rng.uniform(0.4, 0.8), rng.uniform(0.2, 0.5)),
    )


def bgr(hue: float, saturation: float, value: float) -> Colour:
    """BGR from 0 to 255 of a hue in degrees, a saturation and a value from 0 to 1 (clipped)."""
    # min and max: NumPy's clip costs ten times as much on single numbers, and leaves are many.
    saturation, value = min(max(float(saturation), 0.0), 1.0), min(max(float(value), 0.0), 1.0)
    red, green, blue = colorsys.hsv_to_rgb(hue % 360 / 360, saturation, value)
    return 255 * blue, 255 * green, 255 * red


def shade(colour: Colour, factor: float) -> Colour:
    """A colour made darker (below 1) or lighter (above 1)."""
    blue, green, red = (min(255.0, channel * factor) for channel in colour)
    return blue, green, red


def random_bgr(rng: np.random.Generator) -> Colour:
    """Any colour that paint has."""
    return bgr(rng.uniform(0, 360), rng.uniform(0.15, 0.72), rng.uniform(0.25, 0.92))
