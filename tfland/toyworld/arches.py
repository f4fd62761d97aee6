"""Walls with arched openings through which one sees what is behind."""

import itertools
from collections.abc import Sequence

import numpy as np

from tfland.toyworld.solids import Face, Solid, box, face, solid

_ARCH_FACETS = 8


def arched_wall(
    low: Sequence[float],
    high: Sequence[float],
    openings: Sequence[tuple[float, float, float]],
    textures: Sequence[str],
    lining: str,
) -> Solid:
    """A box with tunnels along y.

    Args:
        low: [3], metres.
        high: [3], metres.
        openings: (centre from the left, half width, springing height), metres; the arch is a half circle.
        textures: of front, right, back, left and top; those of front and back must have the holes.
        lining: texture inside the tunnels.
    """
    outside = box(low, high, textures).faces
    inside: list[Face] = []
    for centre, half, spring in openings:
        inside += _tunnel(low[0] + centre, half, low[2], low[2] + spring, (low[1], high[1]), lining)
    # What faces the camera inside a tunnel is always behind the face that has the hole.
    return solid([*inside, *outside])


def _tunnel(x: float, half: float, floor: float, spring: float, ys: tuple[float, float], lining: str) -> list[Face]:
    front, back = ys
    faces = [
        _strip((x - half, spring), (x - half, floor), front, back, lining),
        _strip((x + half, floor), (x + half, spring), front, back, lining),
    ]
    angles = np.linspace(0, np.pi, _ARCH_FACETS + 1)
    points = [(x + half * np.cos(a), spring + half * np.sin(a)) for a in angles]
    for start, end in itertools.pairwise(points):
        faces.append(_strip(start, end, front, back, lining))
    return faces


def _strip(start: tuple[float, float], end: tuple[float, float], front: float, back: float, texture: str) -> Face:
    """A strip along y between two (x, z) points that go round the tunnel's axis counter-clockwise."""
    (ax, az), (bx, bz) = start, end
    return face([(bx, back, bz), (bx, front, bz), (ax, front, az), (ax, back, az)], texture)
