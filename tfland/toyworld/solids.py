"""Convex solids made of textured, flat faces, and the order in which to paint them."""

import dataclasses
import itertools
import math
from collections.abc import Sequence

import cv2
import numpy as np

UNIT_SQUARE = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Face:
    """A flat, textured polygon.

    Attributes:
        polygon: [N, 3] float, metres, counter-clockwise seen from below, clockwise from outside.
        normal: [3] float, unit, pointing outwards.
        from_texture: [4, 3] float, (u, v, 1), both 0 to 1 from the top left, to homogeneous metres.
        texture: name of the texture.
    """

    polygon: np.ndarray
    normal: np.ndarray
    from_texture: np.ndarray
    texture: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Solid:
    """Faces that never hide one another wrongly when drawn in order, inside a box of their own.

    Attributes:
        faces: those that face the camera are drawn, in this order.
        low: [3] float, metres, corner of the bounding box.
        high: [3] float, metres, opposite corner.
    """

    faces: tuple[Face, ...]
    low: np.ndarray
    high: np.ndarray


def face(
    quad: Sequence[Sequence[float]],
    texture: str,
    *,
    uv: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0),
    polygon: Sequence[Sequence[float]] | None = None,
) -> Face:
    """A face whose texture is stretched over a flat quadrangle.

    Args:
        quad: [4, 3], metres: top left, top right, bottom right, bottom left, seen from outside.
        texture: name.
        uv: part of the texture (left, top, right, bottom), 0 to 1, that covers the quadrangle.
        polygon: [N, 3], metres: what is drawn; None for all of the quadrangle.
    """
    corners = np.asarray(quad, float)
    origin, across, down = corners[0], corners[1] - corners[0], corners[3] - corners[0]
    if np.linalg.norm(across) < 1e-6:
        across = corners[2] - corners[3]
    axes = np.column_stack([across, down])
    in_plane = np.linalg.lstsq(axes, (corners - origin).T, rcond=None)[0].T
    left, top, right, bottom = uv
    square = np.array([(left, top), (right, top), (right, bottom), (left, bottom)], np.float32)
    plane_from_texture = cv2.getPerspectiveTransform(square, np.array(in_plane, np.float32))
    frame = np.zeros((4, 3))
    frame[:3] = np.column_stack([across, down, origin])
    frame[3, 2] = 1.0
    normal = np.cross(down, across)
    return Face(
        polygon=corners if polygon is None else np.asarray(polygon, float),
        normal=normal / np.linalg.norm(normal),
        from_texture=frame @ plane_from_texture,
        texture=texture,
    )


def solid(faces: Sequence[Face]) -> Solid:
    """Wraps faces that are drawn together; their bounding box is measured."""
    points = np.concatenate([item.polygon for item in faces])
    return Solid(faces=tuple(faces), low=points.min(axis=0), high=points.max(axis=0))


def box(low: Sequence[float], high: Sequence[float], textures: Sequence[str]) -> Solid:
    """A box; textures of front (towards -y), right, back, left and top; a box in the air has the top's below."""
    (x0, y0, z0), (x1, y1, z1) = low, high
    ground = [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]
    faces = []
    for index, texture in enumerate(textures[:4]):
        (ax, ay), (bx, by) = ground[index], ground[(index + 1) % 4]
        faces.append(face([(ax, ay, z1), (bx, by, z1), (bx, by, z0), (ax, ay, z0)], texture))
    faces.append(face([(x0, y1, z1), (x1, y1, z1), (x1, y0, z1), (x0, y0, z1)], textures[4]))
    if z0 > 0:
        faces.append(face([(x0, y0, z0), (x1, y0, z0), (x1, y1, z0), (x0, y1, z0)], textures[4]))
    return solid(faces)


def revolved(
    centre: tuple[float, float],
    profile: Sequence[tuple[float, float]],
    texture: str,
    *,
    sides: int = 14,
    stretch: tuple[float, float] = (1.0, 1.0),
    cap: str = "",
    underside: str = "",
) -> list[Solid]:
    """A tower, cone, dome or pyramid: one ring of facets between each two heights of a profile.

    Args:
        centre: x and y in metres.
        profile: (radius, height) in metres from the bottom to the top.
        texture: name; it goes once around, its top edge at the profile's top.
        sides: facets around; 4 with radius r gives a square of half side r.
        stretch: factors of x and y.
        cap: texture of a flat top, "" for none.
        underside: texture of a flat bottom, "" for none.
    """
    # A polygon's corners lie outside the circle it stands for, so that four sides make a square of 2 r.
    turn, outside = math.pi / sides, 1.0 / math.cos(math.pi / sides)
    angles = -math.pi / 2 - turn + 2 * turn * np.arange(sides + 1)
    circle = np.column_stack([np.cos(angles) * stretch[0], np.sin(angles) * stretch[1]]) * outside
    z_low, z_high = profile[0][1], profile[-1][1]
    rings = []
    for (r0, z0), (r1, z1) in itertools.pairwise(profile):
        v0, v1 = (z_high - z1) / (z_high - z_low), (z_high - z0) / (z_high - z_low)
        faces = []
        for side in range(sides):
            a, b = circle[side], circle[side + 1]
            # A pointed tip is cut off 2 % short: the map from texture to a triangle has no inverse.
            tip = max(r1, 0.02 * r0)
            quad = [
                (*(centre + a * tip), z1),
                (*(centre + b * tip), z1),
                (*(centre + b * r0), z0),
                (*(centre + a * r0), z0),
            ]
            faces.append(face(quad, texture, uv=(side / sides, v0, (side + 1) / sides, v1)))
        rings.append(solid(faces))
    if cap:
        rings[-1] = solid([*rings[-1].faces, _disc(centre + circle[:-1] * profile[-1][0], z_high, cap, up=True)])
    if underside:
        rings[0] = solid([*rings[0].faces, _disc(centre + circle[:-1] * profile[0][0], z_low, underside, up=False)])
    return rings


def _disc(outline: np.ndarray, z: float, texture: str, *, up: bool) -> Face:
    """A level polygon [N, 2] at a height, seen from above or from below."""
    (x0, y0), (x1, y1) = outline.min(axis=0), outline.max(axis=0)
    if up:
        y0, y1 = y1, y0
    quad = [(x0, y0, z), (x1, y0, z), (x1, y1, z), (x0, y1, z)]
    return face(quad, texture, polygon=np.column_stack([outline, np.full(len(outline), z)]).tolist())


def gable_roof(low: Sequence[float], high: Sequence[float], textures: Sequence[str], *, along_y: bool = True) -> Solid:
    """A ridged roof over a rectangle; textures of slopes (two) and gables (front, back), ridge along y or x."""
    (x0, y0, z0), (x1, y1, z1) = low, high
    slope_a, slope_b, gable_a, gable_b = textures
    if along_y:
        middle = (x0 + x1) / 2
        front, back = (middle, y0, z1), (middle, y1, z1)
        faces = [
            face([back, front, (x0, y0, z0), (x0, y1, z0)], slope_a),
            face([front, back, (x1, y1, z0), (x1, y0, z0)], slope_b),
            _gable([(x0, y0), (x1, y0)], front, z0, z1, gable_a),
            _gable([(x1, y1), (x0, y1)], back, z0, z1, gable_b),
        ]
    else:
        middle = (y0 + y1) / 2
        left, right = (x0, middle, z1), (x1, middle, z1)
        faces = [
            face([left, right, (x1, y0, z0), (x0, y0, z0)], slope_a),
            face([right, left, (x0, y1, z0), (x1, y1, z0)], slope_b),
            _gable([(x0, y1), (x0, y0)], left, z0, z1, gable_a),
            _gable([(x1, y0), (x1, y1)], right, z0, z1, gable_b),
        ]
    return solid(faces)


def _gable(
    base: Sequence[tuple[float, float]],
    tip: tuple[float, float, float],
    z0: float,
    z1: float,
    texture: str,
) -> Face:
    (ax, ay), (bx, by) = base
    quad = [(ax, ay, z1), (bx, by, z1), (bx, by, z0), (ax, ay, z0)]
    return face(quad, texture, polygon=[tip, (bx, by, z0), (ax, ay, z0)])
