"""The light of a photograph: sun, sky, haze and colour cast."""

import dataclasses

import numpy as np

from tfland.toyworld.palette import Colour


@dataclasses.dataclass(frozen=True, kw_only=True)
class Light:
    """How a scene is lit; gains are factors on BGR.

    Attributes:
        name: kind of light, one of `LIGHTS`.
        sun: [3] float, unit, towards the sun.
        sunlight: gain of a surface that faces the sun, added to `ambient`.
        ambient: gain of a surface in the shade.
        sky_top: colour of the sky high up, 0 to 255.
        sky_low: colour at the horizon and of the haze.
        haze: share, 0 to 1, of the haze in front of the building.
        glow: 0 to 1, how far the windows are lit.
        clouds: 0 to 1.
    """

    name: str
    sun: np.ndarray
    sunlight: Colour
    ambient: Colour
    sky_top: Colour
    sky_low: Colour
    haze: float
    glow: float
    clouds: float


# share, sunlight, ambient, sky above, sky at the horizon, largest haze, glow, largest cloud cover
_KINDS: dict[str, tuple[float, Colour, Colour, Colour, Colour, float, float, float]] = {
    "sun": (0.40, (0.42, 0.50, 0.56), (0.64, 0.58, 0.54), (205, 130, 70), (235, 215, 195), 0.08, 0.0, 0.8),
    "overcast": (0.22, (0.14, 0.14, 0.14), (0.80, 0.78, 0.76), (205, 198, 190), (222, 220, 218), 0.14, 0.0, 0.5),
    "golden": (0.14, (0.26, 0.46, 0.66), (0.55, 0.54, 0.56), (190, 150, 120), (150, 195, 250), 0.14, 0.0, 0.6),
    "haze": (0.12, (0.22, 0.24, 0.26), (0.70, 0.68, 0.66), (225, 215, 205), (228, 225, 222), 0.38, 0.0, 0.2),
    "dusk": (0.12, (0.12, 0.14, 0.20), (0.56, 0.44, 0.40), (105, 52, 34), (120, 130, 205), 0.06, 1.0, 0.5),
}
LIGHTS = tuple(_KINDS)


def make_light(rng: np.random.Generator) -> Light:
    """The light of one photograph; the sun stands in front of the building's face more often than behind it."""
    shares = np.array([kind[0] for kind in _KINDS.values()])
    name = str(rng.choice(LIGHTS, p=shares / shares.sum()))
    _, sunlight, ambient, sky_top, sky_low, haze, glow, clouds = _KINDS[name]
    azimuth, height = rng.normal(0, 0.9), np.radians(rng.uniform(22, 60))
    sun = np.array([np.sin(azimuth) * np.cos(height), -np.cos(azimuth) * np.cos(height), np.sin(height)])
    return Light(
        name=name,
        sun=sun,
        sunlight=_varied(sunlight, rng),
        ambient=_varied(ambient, rng),
        sky_top=_varied(sky_top, rng),
        sky_low=_varied(sky_low, rng),
        haze=haze * rng.uniform(0.3, 1.0),
        glow=glow * rng.uniform(0.5, 1.0),
        clouds=clouds * rng.uniform(0.0, 1.0),
    )


def gain(light: Light, normal: np.ndarray) -> Colour:
    """Gain of a surface with an outward normal [3]."""
    facing = max(0.0, float(normal @ light.sun))
    blue, green, red = (a + s * facing for a, s in zip(light.ambient, light.sunlight, strict=True))
    return blue, green, red


def lit(light: Light, colour: Colour, brightness: float = 1.0) -> Colour:
    """Colour, 0 to 255, of a thing that stands in this light."""
    (b, g, r), (ab, ag, ar), (sb, sg, sr) = colour, light.ambient, light.sunlight
    return (
        min(255.0, b * brightness * (ab + 0.5 * sb)),
        min(255.0, g * brightness * (ag + 0.5 * sg)),
        min(255.0, r * brightness * (ar + 0.5 * sr)),
    )


def _varied(colour: Colour, rng: np.random.Generator) -> Colour:
    """Brighter or darker by a little, and still less redder or bluer."""
    blue, green, red = np.array(colour) * (1 + rng.normal(0, 0.06) + rng.normal(0, 0.025, 3))
    return float(blue), float(green), float(red)
