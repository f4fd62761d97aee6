"""Similarities and affine maps between two photographs: through samples of matches, by least squares, and residuals.

A location (y, x) is the complex number z = y + i x. An affine map is then w = a z + b conj(z) + t with complex a, b and
t; it is a similarity where b = 0. Its determinant is |a|² - |b|², its singular values are |a| + |b| and |a| - |b|.
"""

from typing import NamedTuple

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


def within_limits(determinant: Points, squares: Points, limits: Limits) -> NDArray[np.bool_]:
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
            a = (v * u2.conj() - v2 * u.conj()) / (-2j * area)
            b = (u * v2 - u2 * v) / (-2j * area)
            of_a, of_b = np.square(a.view(float)).reshape(-1, 2).sum(1), np.square(b.view(float)).reshape(-1, 2).sum(1)
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

    def plausible_at(self, matrix: Maps, query: Points, limits: Limits) -> NDArray[np.bool_]:
        """[M] bool, whether the map is plausible at each query point: at all of them or at none."""
        return np.full(len(query), bool(plausible(matrix[:, :2], limits)))

    def fit(self, query: Points, index: Points) -> Maps | None:
        """The [2, 3] map of least squared residuals; None where the points lie on a line."""
        z, w = as_complex(query), as_complex(index)
        origin, partner = z.mean(), w.mean()
        u, v = z - origin, w - partner
        # The normal equations a S + b conj(P) = Q and a P + b S = R.
        length, product = float((u * u.conj()).real.sum()), (u * u).sum()
        straight, turned = (v * u.conj()).sum(), (v * u).sum()
        determinant = length**2 - abs(product) ** 2
        if not determinant > 1e-12 * length**2:
            return None
        a = (straight * length - turned * product.conjugate()) / determinant
        b = (turned * length - straight * product) / determinant
        matrix: Maps = _maps(*np.array([[a], [b], [origin], [partner]]))[0]
        return matrix


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
        z, w = as_complex(query), as_complex(index)
        origin, partner = z.mean(), w.mean()
        u, v = z - origin, w - partner
        length = float((u * u.conj()).real.sum())
        if not length > 0:
            return None
        a = (v * u.conj()).sum() / length
        matrix: Maps = _maps(*np.array([[a], [0], [origin], [partner]]))[0]
        return matrix


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
