"""Similarities and affine maps between two photographs: through samples of matches, by least squares, and residuals.

A location (y, x) is the complex number z = y + i x. An affine map is then w = a z + b conj(z) + t with complex a, b and
t; it is a similarity where b = 0. Its determinant is |a|² - |b|², its singular values are |a| + |b| and |a| - |b|.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
Maps = NDArray[np.float64]
Complex = NDArray[np.complex128]
Squares = NDArray[np.floating]

# Three points whose triangle is smaller, in square pixels, fix no map: they lie on a line or on one spot.
MIN_AREA_PX2 = 50.0
# Two points nearer than this, in pixels, fix no similarity.
_MIN_LENGTH_PX = 10.0
# A map without any stretch meets the limit 1 despite rounding.
_ROUNDING = 1 + 1e-12


class Limits(NamedTuple):
    """What makes a map plausible; see `delf_verify.geometry.GeometryConfig`."""

    max_scale: float
    max_stretch: float


def plausible(linear: Maps, limits: Limits) -> NDArray[np.bool_]:
    """Whether each map can relate two photographs of one place: not mirrored, blown up or squeezed to a line.

    Args:
        linear: [..., 2, 2] float64, the maps without their translations.
        limits: on the scale sqrt(s t) and the stretch s / t of the singular values s >= t.

    Returns:
        [...] bool.
    """
    determinant = linear[..., 0, 0] * linear[..., 1, 1] - linear[..., 0, 1] * linear[..., 1, 0]
    return within_limits(determinant, np.square(linear).sum(axis=(-2, -1)), limits)


def within_limits(determinant: Any, squares: Any, limits: Limits) -> Any:
    """`plausible`, of the determinants and the sums of the squared entries.

    det A = s t and s² + t² = |A|² give s / t without computing them, because s/t + t/s = |A|² / det A.
    """
    largest = (limits.max_stretch + 1 / limits.max_stretch) * _ROUNDING
    # Every comparison is False for NaN.
    return (
        (determinant >= limits.max_scale**-2)
        & (determinant <= limits.max_scale**2)
        & (squares <= largest * determinant)
    )


class Affine:
    """The affine maps, [2, 3] float64 in the order (y, x, 1); see `delf_verify.maps.Model`."""

    min_matches = 3

    def solve(self, query: Points, index: Points, samples: NDArray[np.int64], limits: Limits) -> Maps:
        """The plausible [R, 2, 3] maps through samples [H, 3] of matches."""
        z, w = as_complex(query)[samples.T], as_complex(index)[samples.T]
        u, u2 = z[1] - z[0], z[2] - z[0]
        v, v2 = w[1] - w[0], w[2] - w[0]
        # u conj(u2) - u2 conj(u) = -2i times twice the signed area; a match drawn twice has none.
        area = (u.conj() * u2).imag
        keep = np.abs(area) >= 2 * MIN_AREA_PX2
        with np.errstate(divide="ignore", invalid="ignore"):
            # Cramer's rule for a u + b conj(u) = v and the same of u2, v2.
            inverse = 0.5j / area
            a = (v * u2.conj() - v2 * u.conj()) * inverse
            b = (u * v2 - u2 * v) * inverse
            of_a, of_b = a.real * a.real + a.imag * a.imag, b.real * b.real + b.imag * b.imag
            keep &= within_limits(of_a - of_b, 2 * (of_a + of_b), limits)
        kept = np.flatnonzero(keep)
        return _maps(a[kept], b[kept], z[0][kept], w[0][kept])

    def squared_residuals(self, maps: Maps, query: Squares, index: Squares) -> Squares:
        """[R, M] squared distances between mapped query points and their partners, in the precision of `query`.

        Without a matrix product: its rounding may depend on the number of threads, these sums do not.
        """
        (y, x), (to_y, to_x) = query.T, index.T
        part = maps.astype(query.dtype)[..., None]
        off_y = part[:, 0, 0] * y
        off_y += part[:, 0, 1] * x
        off_y += part[:, 0, 2] - to_y
        off_x = part[:, 1, 0] * y
        off_x += part[:, 1, 1] * x
        off_x += part[:, 1, 2] - to_x
        off_y *= off_y
        off_x *= off_x
        off_y += off_x
        return off_y

    def shrinkage(self, maps: Maps) -> Points:
        """[R] float64, the factor by which each map shrinks areas, at most 1."""
        return np.minimum(1.0, np.abs(maps[:, 0, 0] * maps[:, 1, 1] - maps[:, 0, 1] * maps[:, 1, 0]))

    def plausible_at(self, matrix: Maps, query: Points, limits: Limits) -> NDArray[np.bool_]:
        """[M] bool, whether the map is plausible at each query point: at all of them or at none."""
        # In plain numbers: this is asked for every refinement, and for one map NumPy takes ten times longer.
        (a, b), (c, d) = matrix[:, :2].tolist()
        return np.full(len(query), within_limits(a * d - b * c, a * a + b * b + c * c + d * d, limits))

    def fit(self, query: Points, index: Points) -> Maps | None:
        """The [2, 3] map of least squared residuals; None where the points lie on a line."""
        moments, origin, partner = _moments(query, index)
        (yy, yx), (_, xx) = moments[:2, :2].tolist()
        determinant = yy * xx - yx * yx
        # Relative to the square of the spread along the line.
        if not determinant > 1e-12 * (yy + xx) ** 2:
            return None
        linear = moments[2:, :2] @ np.array([[xx, -yx], [-yx, yy]]) / determinant
        return np.column_stack([linear, partner - linear @ origin])


class Similarity(Affine):
    """Turn, scale and shift, [2, 3] float64; see `delf_verify.maps.Model`."""

    min_matches = 2

    def solve(self, query: Points, index: Points, samples: NDArray[np.int64], limits: Limits) -> Maps:
        """The plausible [R, 2, 3] maps through samples [H, 2] of matches."""
        z, w = as_complex(query)[samples.T], as_complex(index)[samples.T]
        u = z[1] - z[0]
        length = np.abs(u)
        with np.errstate(divide="ignore", invalid="ignore"):
            a = (w[1] - w[0]) / u
            scale = np.abs(a)
        kept = np.flatnonzero(
            (length >= _MIN_LENGTH_PX) & (scale >= 1 / limits.max_scale) & (scale <= limits.max_scale)
        )
        return _maps(a[kept], np.zeros_like(a[kept]), z[0][kept], w[0][kept])

    def fit(self, query: Points, index: Points) -> Maps | None:
        """The [2, 3] similarity of least squared residuals; None where all query points are one."""
        moments, origin, partner = _moments(query, index)
        length = moments[0, 0] + moments[1, 1]
        if not length > 0:
            return None
        along, across = moments[2, 0] + moments[3, 1], moments[3, 0] - moments[2, 1]
        linear = np.array([[along, -across], [across, along]]) / length
        return np.column_stack([linear, partner - linear @ origin])


def _moments(query: Points, index: Points) -> tuple[Points, Points, Points]:
    """The sums of products [4, 4] of the centred (y, x, y', x'), and both centres [2]."""
    joined = np.concatenate([query, index], axis=1)
    centre = joined.mean(axis=0)
    joined -= centre
    return np.einsum("mi,mj->ij", joined, joined), centre[:2], centre[2:]


def as_complex(points: Points) -> Complex:
    """[M] complex128, y + i x of [M, 2] points."""
    return np.ascontiguousarray(points, dtype=np.float64).view(np.complex128)[:, 0]


def _maps(a: Complex, b: Complex, origin: Complex, partner: Complex) -> Maps:
    """[R, 2, 3] of the maps w = a (z - origin) + b conj(z - origin) + partner."""
    shift = partner - a * origin - b * origin.conj()
    maps = np.empty((len(a), 2, 3))
    maps[:, 0, 0], maps[:, 1, 1] = a.real + b.real, a.real - b.real
    maps[:, 0, 1], maps[:, 1, 0] = b.imag - a.imag, b.imag + a.imag
    maps[:, 0, 2], maps[:, 1, 2] = shift.real, shift.imag
    return maps
