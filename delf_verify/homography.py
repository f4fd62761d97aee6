"""Homographies between two photographs: the views of a plane, or of anything from one spot."""

import numpy as np
from numpy.typing import NDArray

from delf_verify.affine import MIN_AREA_PX2, Limits, Maps, Points, Squares, within_limits

# Of the four triangles that four matches make, one leaves out each of them.
_TRIANGLES = ((1, 2, 3), (0, 2, 3), (0, 1, 3), (0, 1, 2))


class Homography:
    """The homographies, [3, 3] float64 in the order (y, x, 1); see `delf_verify.maps.Model`.

    A map H has the sign that makes the third number of H (y, x, 1) positive where it is used; a point for which it is
    negative lies beyond the horizon and has an infinite residual.
    """

    min_matches = 4

    def solve(self, query: Points, index: Points, samples: NDArray[np.int64], limits: Limits) -> Maps:
        """The plausible [R, 3, 3] maps through samples [H, 4] of matches.

        Four points are a projective frame: P = (m_1 p_1, m_2 p_2, m_3 p_3) with P (1, 1, 1) = p_4, where the m_i are
        areas of triangles. Their partners give Q likewise, and H = Q P^-1 (Hartley and Zisserman, "Multiple View
        Geometry", 2004, section 2.3). A map that neither mirrors nor tears the four points keeps the orientation of
        all four triangles; most random samples are dropped by that before they are solved.
        """
        points, partners = query[samples], index[samples]
        areas, to_areas = _areas(points), _areas(partners)
        large = np.minimum(np.abs(areas), np.abs(to_areas)).min(axis=0) >= 2 * MIN_AREA_PX2
        kept = np.flatnonzero(large & (areas * to_areas > 0).all(axis=0))
        points = points[kept]
        maps = _frames(partners[kept], to_areas[:, kept]) @ np.linalg.inv(_frames(points, areas[:, kept]))
        good = _plausible_parts(maps[:, None], points, limits).all(axis=1)
        return np.asarray(maps[good])

    def squared_residuals(self, maps: Maps, query: Squares, index: Squares) -> Squares:
        """[R, M] squared distances between mapped query points and their partners; inf beyond the horizon."""
        (y, x), (to_y, to_x) = query.T, index.T
        part = maps.astype(query.dtype)[..., None]
        depth = part[:, 2, 0] * y + part[:, 2, 1] * x + part[:, 2, 2]
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            factor = 1 / depth
            off_y = (part[:, 0, 0] * y + part[:, 0, 1] * x + part[:, 0, 2]) * factor - to_y
            off_x = (part[:, 1, 0] * y + part[:, 1, 1] * x + part[:, 1, 2]) * factor - to_x
            squares = off_y * off_y + off_x * off_x
        return np.where(depth > 0, squares, np.asarray(np.inf, query.dtype))

    def shrinkage(self, maps: Maps) -> Points:
        """[R] float64, all 1: a homography shrinks one part and enlarges another, so the index image decides."""
        return np.ones(len(maps))

    def plausible_at(self, matrix: Maps, query: Points, limits: Limits) -> NDArray[np.bool_]:
        """[M] bool, whether the map's affine part at each query point is plausible."""
        return _plausible_parts(matrix, query, limits)

    def fit(self, query: Points, index: Points) -> Maps | None:
        """The [3, 3] map by the normalised direct linear transform (Hartley and Zisserman, algorithm 4.2).

        It minimises an algebraic error, close to the residuals' squares where the perspective is mild; None where
        the points fix no map.
        """
        if len(query) < self.min_matches:
            return None
        (points, to_unit), (partners, to_partner) = normalised(query), normalised(index)
        zeros = np.zeros_like(points)
        rows = np.concatenate(
            [
                np.concatenate([points, zeros, -partners[:, :1] * points], axis=1),
                np.concatenate([zeros, points, -partners[:, 1:2] * points], axis=1),
            ]
        )
        values, vectors = np.linalg.eigh((rows[:, :, None] * rows[:, None]).sum(axis=0))
        if not values[1] > 1e-12 * values[-1]:
            return None
        matrix = np.linalg.inv(to_partner) @ vectors[:, 0].reshape(3, 3) @ to_unit
        return oriented(matrix, query)


def oriented(matrix: Maps, query: Points) -> Maps:
    """The same homography with the sign that puts most of the query points before the horizon, of unit norm."""
    positive = query @ matrix[2, :2] + matrix[2, 2] > 0
    sign = 1.0 if 2 * np.count_nonzero(positive) >= len(query) else -1.0
    return np.asarray(matrix * (sign / np.linalg.norm(matrix)))


def normalised(points: Points) -> tuple[Points, Maps]:
    """Points (y, x, 1) around 0 at a mean distance of sqrt(2), [M, 3], and the [3, 3] map that made them so."""
    centre = points.mean(axis=0)
    distance = np.sqrt(np.square(points - centre).sum(axis=1)).mean()
    factor = np.sqrt(2) / distance if distance > 0 else 1.0
    to_unit = np.array([[factor, 0, -factor * centre[0]], [0, factor, -factor * centre[1]], [0, 0, 1]])
    return np.column_stack([(points - centre) * factor, np.ones(len(points))]), to_unit


def _areas(points: Points) -> Points:
    """[4, H] twice the signed areas of the four triangles of [H, 4, 2] points."""
    y, x = points[..., 0].T, points[..., 1].T
    a, b, c = np.array(_TRIANGLES).T
    return np.asarray((y[b] - y[a]) * (x[c] - x[a]) - (x[b] - x[a]) * (y[c] - y[a]))


def _frames(points: Points, areas: Points) -> Maps:
    """The [H, 3, 3] projective frames of [H, 4, 2] points, scaled by the triangle without the fourth."""
    corners = np.concatenate([points[:, :3], np.ones((len(points), 3, 1))], axis=2)
    weights = areas[:3].T * [1, -1, 1]
    return np.asarray((corners * weights[:, :, None]).transpose(0, 2, 1))


def _plausible_parts(maps: Maps, points: Points, limits: Limits) -> NDArray[np.bool_]:
    """Whether the affine part of each [..., 3, 3] map at each [..., 2] point is plausible; shapes broadcast.

    The derivative of (u, v) / w at a point is (dA - (y', x') dw) / w, with the determinant det H / w³.
    """
    y, x = points[..., 0, None], points[..., 1, None]
    lifted = maps[..., 0] * y + maps[..., 1] * x + maps[..., 2]
    depth = lifted[..., 2]
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        partner = lifted[..., :2] / depth[..., None]
        linear = (maps[..., :2, :2] - partner[..., None] * maps[..., 2:, :2]) / depth[..., None, None]
        determinant = linear[..., 0, 0] * linear[..., 1, 1] - linear[..., 0, 1] * linear[..., 1, 0]
        good = within_limits(determinant, np.square(linear).sum(axis=(-2, -1)), limits)
    return np.asarray(good & (depth > 0))
