"""Puts solids together into a building and names the textures that they need."""

import dataclasses
import itertools
from collections.abc import Sequence

import numpy as np

from tfland.toyworld.arches import arched_wall
from tfland.toyworld.facades import TextureSpec
from tfland.toyworld.materials import WALL_MATERIALS
from tfland.toyworld.solids import Solid, box, gable_roof, revolved
from tfland.toyworld.windows import WINDOWS


@dataclasses.dataclass(frozen=True, kw_only=True)
class Building:
    """A building's shape and what its textures show.

    Attributes:
        family: kind of building, a key of `FAMILIES`.
        solids: its parts.
        textures: specification of every texture that the parts name.
        low: [3] float, metres, corner of its bounding box.
        high: [3] float, metres, opposite corner.
    """

    family: str
    solids: tuple[Solid, ...]
    textures: dict[str, TextureSpec]
    low: np.ndarray
    high: np.ndarray

    @property
    def extent(self) -> float:
        """The larger of width and height, in metres."""
        return float(max((self.high - self.low)[[0, 2]]))


class Architect:
    """Collects the parts of one building; lengths are in metres, the front faces -y.

    Attributes:
        rng: source of the building's proportions.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self._solids: list[Solid] = []
        self._textures: dict[str, TextureSpec] = {}
        self._materials = [str(name) for name in rng.choice(list(WALL_MATERIALS), 2, replace=False)]
        self._window = str(rng.choice(list(WINDOWS)))

    def uniform(self, low: float, high: float) -> float:
        """A random length."""
        return float(self.rng.uniform(low, high))

    def chance(self, share: float) -> bool:
        """True with the given probability."""
        return bool(self.rng.random() < share)

    def texture(
        self,
        kind: str,
        width: float,
        height: float,
        openings: Sequence[tuple[float, float, float]] = (),
    ) -> str:
        """Orders a texture and returns its name; walls have the building's first material more often."""
        name = f"{len(self._textures)}.{kind}"
        self._textures[name] = TextureSpec(
            kind=kind,
            width=width,
            height=height,
            material=self._materials[0 if self.chance(0.75) else 1],
            window=self._window,
            openings=tuple(openings),
        )
        return name

    def box(
        self,
        x: tuple[float, float],
        y: tuple[float, float],
        z: tuple[float, float],
        kind: str = "side",
    ) -> None:
        """A box whose front is of the given kind; other walls are `side`, or all `trim`."""
        wide, deep, tall = x[1] - x[0], y[1] - y[0], z[1] - z[0]
        if kind == "trim":
            name = self.texture("trim", max(wide, deep), tall)
            textures = [name] * 5
        else:
            textures = [self.texture(kind, wide, tall)]
            textures += [self.texture("side", length, tall) for length in (deep, wide, deep)]
            textures.append(self.texture("trim", wide, deep))
        self._solids.append(box((x[0], y[0], z[0]), (x[1], y[1], z[1]), textures))

    def gate(
        self,
        x: tuple[float, float],
        y: tuple[float, float],
        z: tuple[float, float],
        openings: Sequence[tuple[float, float, float]],
    ) -> None:
        """A box with arched openings: (centre from its left, half width, springing height)."""
        wide, deep, tall = x[1] - x[0], y[1] - y[0], z[1] - z[0]
        mirrored = [(wide - centre, half, spring) for centre, half, spring in openings]
        textures = [self.texture("front", wide, tall, openings), self.texture("side", deep, tall)]
        textures += [self.texture("side", wide, tall, mirrored), self.texture("side", deep, tall)]
        textures.append(self.texture("trim", wide, deep))
        lining = self.texture("trim", deep, tall)
        self._solids.append(arched_wall((x[0], y[0], z[0]), (x[1], y[1], z[1]), openings, textures, lining))

    def gable(
        self,
        x: tuple[float, float],
        y: tuple[float, float],
        z: tuple[float, float],
        *,
        along_y: bool = True,
    ) -> None:
        """A ridged roof with decorated gables."""
        wide, deep, tall = x[1] - x[0], y[1] - y[0], z[1] - z[0]
        ridge, span = (deep, wide) if along_y else (wide, deep)
        slope = float(np.hypot(span / 2, tall))
        textures = [self.texture("roof", ridge, slope) for _ in range(2)]
        textures += [self.texture("side", span, tall) for _ in range(2)]
        low, high = (x[0], y[0], z[0]), (x[1], y[1], z[1])
        self._solids.append(gable_roof(low, high, textures, along_y=along_y))

    def turned(
        self,
        centre: tuple[float, float],
        profile: Sequence[tuple[float, float]],
        kind: str = "side",
        *,
        sides: int = 14,
        stretch: tuple[float, float] = (1.0, 1.0),
    ) -> None:
        """A body of revolution (or a pyramid: few sides) with the profile (radius, height)."""
        radius = max(r for r, _ in profile)
        length = sum(np.hypot(b[0] - a[0], b[1] - a[1]) for a, b in itertools.pairwise(profile))
        name = self.texture(kind, 2 * np.pi * radius * float(np.mean(stretch)), float(length))
        level = self.texture("trim", 2 * radius, 2 * radius)
        cap = level if profile[-1][0] > 0.1 * radius else ""
        underside = level if profile[0][1] > 0 else ""
        self._solids += revolved(centre, profile, name, sides=sides, stretch=stretch, cap=cap, underside=underside)

    def dome(
        self, centre: tuple[float, float], radius: float, z: float, *, height: float = 1.0, bulge: float = 0.0
    ) -> float:
        """A dome, `height` times as high as a half sphere, swelling out by `bulge`; returns its top's height."""
        angles = np.linspace(0, np.pi / 2, 6)
        profile = [(radius * (np.cos(a) + bulge * np.sin(2 * a) ** 2), z + radius * height * np.sin(a)) for a in angles]
        self.turned(centre, profile, "roof")
        return profile[-1][1]

    def build(self, family: str) -> Building:
        """The finished building."""
        low = np.min([item.low for item in self._solids], axis=0)
        high = np.max([item.high for item in self._solids], axis=0)
        return Building(family=family, solids=tuple(self._solids), textures=dict(self._textures), low=low, high=high)
