"""A landmark or an unknown building with its surroundings; its textures are painted when first seen."""

import functools

import numpy as np

from tfland.toyworld.backdrop import Surroundings, make_surroundings
from tfland.toyworld.config import ToyworldConfig, stream
from tfland.toyworld.facades import Texture, make_texture
from tfland.toyworld.families import FAMILIES, make_building
from tfland.toyworld.palette import WALLS, make_palette

CATALOGUE = "catalogue"
# Canvas pixels per pixel of the photograph; the reduction smooths edges and textures.
SUPERSAMPLING = 2
_MIN_TEXTURE_PX = 192
_MAX_TEXTURE_PX = 1024


class World:
    """One building and its place; a pure function of the configuration, the group and the index.

    Attributes:
        building: its shape.
        surroundings: the place.
        key: what its random numbers hang on.
    """

    def __init__(self, config: ToyworldConfig, group: str, index: int) -> None:
        self.key: tuple[int | str, ...] = (config.seed, "world", group, index)
        self._palette = make_palette(wall_of(config.seed, group, index), stream(*self.key, "palette"))
        self.building = make_building(family_of(config.seed, group, index), stream(*self.key, "shape"))
        self.surroundings: Surroundings = make_surroundings(self.building, stream(*self.key, "place"))
        side = np.clip(SUPERSAMPLING * config.size, _MIN_TEXTURE_PX, _MAX_TEXTURE_PX)
        self._pixels_per_metre = float(side) / self.building.extent
        self._textures: dict[str, Texture] = {}

    def texture(self, name: str) -> Texture:
        """The texture that the building's faces call `name`."""
        if name not in self._textures:
            rng = stream(*self.key, "texture", name)
            spec = self.building.textures[name]
            self._textures[name] = make_texture(spec, self._palette, rng, self._pixels_per_metre, self.building.extent)
        return self._textures[name]


@functools.lru_cache(maxsize=3)
def get_world(config: ToyworldConfig, group: str, index: int) -> World:
    """A world, kept for the next photographs of it in the same process."""
    return World(config, group, index)


def family_of(seed: int, group: str, index: int) -> str:
    """Kind of building; neighbours in the numbering differ, so small catalogues hold every kind."""
    names = list(FAMILIES)
    return names[stream(seed, group, "families").permutation(len(names))[index % len(names)]]


def wall_of(seed: int, group: str, index: int) -> str:
    """Wall colour; 11 families and 14 walls make 154 buildings before a pair returns."""
    return WALLS[stream(seed, group, "walls").permutation(len(WALLS))[index % len(WALLS)]]
