"""Fundamental matrices: two photographs of any rigid scene, the matches anywhere on each other's epipolar lines."""

import numpy as np
from numpy.typing import NDArray

from delf_verify.affine import Limits, Maps, Points, Squares
from delf_verify.homography import normalised

_MIN_LEAST_SQUARES = 8


class Fundamental:
    """The fundamental matrices, [3, 3] float64 with (y', x', 1) F (y, x, 1) = 0; see `delf_verify.maps.Model`.

    The residual is the Sampson distance, in pixels of both images together: a match may lie anywhere along a line, so
    chance agrees far more often than with a map of points.
    """

    min_matches = 7

    def solve(self, query: Points, index: Points, samples: NDArray[np.int64], limits: Limits) -> Maps:
        """The [R, 3, 3] matrices through samples [H, 7] of matches, one or three a sample.

        The seven-point algorithm (Hartley and Zisserman, "Multiple View Geometry", 2004, section 11.1.2), and of its
        solutions those that put all seven matches before both cameras: the oriented epipolar constraint (Chum, Werner
        and Matas, "Epipolar geometry estimation via RANSAC benefits from the oriented epipolar constraint", 2004).

        Args:
            query: [M, 2] float64.
            index: [M, 2] float64.
            samples: [H, 7] int64.
            limits: play no part; a fundamental matrix has neither scale nor stretch.
        """
        (points, to_unit), (partners, to_partner) = normalised(query), normalised(index)
        points, partners = points[samples], partners[samples]
        rows = (partners[..., :, None] * points[..., None, :]).reshape(len(samples), 7, 9)
        # The last two columns of Q are orthogonal to all seven rows, whatever their rank.
        null = np.linalg.qr(rows.transpose(0, 2, 1), mode="complete").Q[..., 7:]
        first, second = null[..., 0].reshape(-1, 3, 3), null[..., 1].reshape(-1, 3, 3)
        # det(first + t second) as a polynomial of t.
        cofactors, others = _cofactors(first), _cofactors(second)
        roots = real_cubic_roots(
            (others * second).sum(axis=(1, 2)) / 3,
            (others * first).sum(axis=(1, 2)),
            (cofactors * second).sum(axis=(1, 2)),
            (cofactors * first).sum(axis=(1, 2)) / 3,
        )
        sample, which = np.nonzero(np.isfinite(roots))
        maps = first[sample] + roots[sample, which, None, None] * second[sample]
        good = _oriented(maps, points[sample], partners[sample])
        return np.asarray(to_partner.T @ maps[good] @ to_unit)

    def squared_residuals(self, maps: Maps, query: Squares, index: Squares) -> Squares:
        """[R, M] squared Sampson distances (Hartley and Zisserman, equation 11.9)."""
        (y, x), (to_y, to_x) = query.T, index.T
        maps = maps / np.linalg.norm(maps, axis=(1, 2), keepdims=True)
        part = maps.astype(query.dtype)[..., None]
        line_y = part[:, 0, 0] * y + part[:, 0, 1] * x + part[:, 0, 2]
        line_x = part[:, 1, 0] * y + part[:, 1, 1] * x + part[:, 1, 2]
        back_y = part[:, 0, 0] * to_y + part[:, 1, 0] * to_x + part[:, 2, 0]
        back_x = part[:, 0, 1] * to_y + part[:, 1, 1] * to_x + part[:, 2, 1]
        error = to_y * line_y + to_x * line_x + part[:, 2, 0] * y + part[:, 2, 1] * x + part[:, 2, 2]
        with np.errstate(divide="ignore", invalid="ignore"):
            squares = error * error / (line_y * line_y + line_x * line_x + back_y * back_y + back_x * back_x)
        return np.nan_to_num(squares, copy=False, nan=np.inf)

    def shrinkage(self, maps: Maps) -> Points:
        """[R] float64, all 1: the Sampson distance is one of both images already."""
        return np.ones(len(maps))

    def plausible_at(self, matrix: Maps, query: Points, limits: Limits) -> NDArray[np.bool_]:
        """[M] bool, all True: a fundamental matrix maps no neighbourhood of a point."""
        return np.ones(len(query), dtype=bool)

    def fit(self, query: Points, index: Points) -> Maps | None:
        """The [3, 3] matrix by the normalised eight-point algorithm (Hartley 1997); None below 8 matches."""
        if len(query) < _MIN_LEAST_SQUARES:
            return None
        (points, to_unit), (partners, to_partner) = normalised(query), normalised(index)
        rows = (partners[:, :, None] * points[:, None, :]).reshape(-1, 9)
        _, vectors = np.linalg.eigh((rows[:, :, None] * rows[:, None]).sum(axis=0))
        left, sizes, right = np.linalg.svd(vectors[:, 0].reshape(3, 3))
        return np.asarray(to_partner.T @ (left[:, :2] * sizes[:2]) @ right[:2] @ to_unit)


def real_cubic_roots(a: Points, b: Points, c: Points, d: Points) -> Points:
    """The real roots of a t³ + b t² + c t + d, [H, 3] float64, NaN where there are fewer.

    Cardano's formula where one root is real, Viète's where three are; a = 0 gives NaN.
    """
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        shift = b / (3 * a)
        # t = s - shift turns it into s³ - 3 p s - 2 q.
        p = shift**2 - c / (3 * a)
        q = shift * c / (2 * a) - shift**3 - d / (2 * a)
        discriminant = q**2 - p**3
        root = np.sqrt(np.maximum(discriminant, 0))
        large = np.cbrt(q + np.copysign(root, q))
        single = large + np.where(large != 0, p / large, 0)
        radius = np.sqrt(np.maximum(p, 0))
        angle = np.arccos(np.clip(np.where(radius > 0, q / radius**3, 1), -1, 1)) / 3
        triple = 2 * radius[:, None] * np.cos(angle[:, None] - 2 * np.pi / 3 * np.arange(3))
        alone = np.column_stack([single, np.full((len(single), 2), np.nan)])
        roots = np.where((discriminant > 0)[:, None], alone, triple) - shift[:, None]
    return np.where(np.isfinite(roots), roots, np.nan)


def _cofactors(matrices: Maps) -> Maps:
    """[H, 3, 3] cofactor matrices: the rows are cross products of the other two."""
    rows = matrices[:, [1, 2, 0]], matrices[:, [2, 0, 1]]
    return np.asarray(np.cross(*rows))


def _oriented(maps: Maps, points: Points, partners: Points) -> NDArray[np.bool_]:
    """[R] bool, whether all matches ([R, 7, 3] each) lie on the same side of the epipole as their lines say."""
    # The left null vector: the cross product of two columns, of which the longest is the most exact.
    cofactors = _cofactors(maps.transpose(0, 2, 1))
    longest = np.square(cofactors).sum(axis=2).argmax(axis=1)
    epipoles = cofactors[np.arange(len(maps)), longest]
    lines = np.einsum("rij,rkj->rki", maps, points)
    signs = (np.cross(epipoles[:, None], partners) * lines).sum(axis=2) > 0
    return np.asarray(signs.all(axis=1) | ~signs.any(axis=1))
