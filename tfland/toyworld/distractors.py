"""Queries without any building: the scenes to choose from."""

from collections.abc import Callable

import numpy as np

from tfland.toyworld import closeups, landscapes
from tfland.toyworld.light import Light

# Each paints a whole canvas [H, W, 3] uint8 BGR.
DISTRACTORS: dict[str, Callable[[np.ndarray, Light, np.random.Generator], None]] = {
    "animal": closeups.animal,
    "flowers": closeups.flowers,
    "forest": landscapes.forest,
    "meadow": landscapes.meadow,
    "mountains": landscapes.mountains,
    "night_sky": closeups.night_sky,
    "pattern": closeups.pattern,
    "portrait": closeups.portrait,
    "road": landscapes.road,
    "sea": landscapes.sea,
    "table": closeups.table,
}
