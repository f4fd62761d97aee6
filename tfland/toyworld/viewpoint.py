"""Where photographers stand: like tourists, mostly in front, some from further round."""

import numpy as np

from tfland.toyworld.architect import Building
from tfland.toyworld.camera import Camera, look_at

_EYE_M = 1.7
_MAX_FRONT_AZIMUTH = np.radians(55)


def choose_size(building: Building, longest: int, rng: np.random.Generator) -> tuple[int, int]:
    """Width and height in pixels: 4:3, 3:4 or square; tall buildings are mostly taken upright."""
    wide, tall = building.high[0] - building.low[0], building.high[2]
    upright = rng.random() < (0.8 if tall > 1.15 * wide else 0.12)
    if rng.random() < 0.25:
        return longest, longest
    short = round(longest * 3 / 4)
    return (short, longest) if upright else (longest, short)


def azimuth(rng: np.random.Generator) -> float:
    """Radians from the front, positive to the building's right: 93 % within 55 degrees."""
    if rng.random() < 0.93:
        return float(np.clip(rng.normal(0, np.radians(23)), -_MAX_FRONT_AZIMUTH, _MAX_FRONT_AZIMUTH))
    return float(rng.choice([-1, 1]) * rng.uniform(_MAX_FRONT_AZIMUTH, np.radians(110)))


def make_camera(building: Building, width: int, height: int, angle: float, rng: np.random.Generator) -> Camera:
    """A camera that has most of the building in view.

    Args:
        building: what is photographed.
        width: canvas width in pixels.
        height: canvas height in pixels.
        angle: azimuth in radians, 0 in front.
        rng: source of lens, distance, height, aim and roll.
    """
    size = building.high - building.low
    across = size[0] * abs(np.cos(angle)) + size[1] * abs(np.sin(angle))
    along = size[1] * abs(np.cos(angle)) + size[0] * abs(np.sin(angle))
    focal = max(width, height) * rng.uniform(0.9, 1.6)
    # Share of the frame that the building takes; above 1 it is cropped.
    fill = float(np.clip(rng.lognormal(np.log(0.98), 0.2), 0.65, 1.5))
    distance = max(focal * across / (width * fill), focal * size[2] / (height * fill)) + 0.4 * along
    distance = max(distance, 0.62 * float(np.hypot(size[0], size[1])) + 3.0)
    centre = np.array([*((building.high + building.low) / 2)[:2], 0.0])
    eye = centre + distance * np.array([np.sin(angle), -np.cos(angle), 0.0])
    eye[2] = _EYE_M if rng.random() < 0.7 else distance * np.tan(np.radians(rng.uniform(3, 24)))
    aim = centre + np.array([0.0, 0.0, size[2] * rng.uniform(0.42, 0.55)])
    sideways = np.array([np.cos(angle), np.sin(angle), 0.0])
    aim = aim + sideways * across * rng.normal(0, 0.06)
    roll = np.radians(np.clip(rng.normal(0, 3.0), -9, 9))
    return Camera(
        position=eye, rotation=look_at(eye, aim, float(roll)), focal_px=float(focal), width=width, height=height
    )
