"""Affine maps between two photographs: which are plausible, and a RANSAC that tries all its samples at once."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
Maps = NDArray[np.float64]

# An affine map has six unknowns, so three matches fix one.
MIN_MATCHES = 3
# Three points whose triangle is smaller, in square pixels, fix no map: they lie on a line or on one spot.
_MIN_AREA_PX2 = 50.0
# Residuals that are held in memory at once; 2^20 float32 stay in the cache.
_RESIDUALS_AT_ONCE = 1 << 20
_REFINEMENTS = 10


class Limits(NamedTuple):
    """What makes a map plausible; see `delf_verify.geometry.GeometryConfig`."""

    max_scale: float
    max_stretch: float


def plausible(linear: Maps, limits: Limits) -> NDArray[np.bool_]:
    """Whether each map can relate two photographs of one place: not mirrored, blown up or squeezed to a line.

    With the singular values s >= t of a map A: det A = s t, and s² + t² = |A|² gives s / t without computing them,
    because s/t + t/s = |A|² / det A.

    Args:
        linear: [..., 2, 2] float64, the maps without their translations.
        limits: on the scale sqrt(s t) and the stretch s / t.

    Returns:
        [...] bool.
    """
    determinant = linear[..., 0, 0] * linear[..., 1, 1] - linear[..., 0, 1] * linear[..., 1, 0]
    squares = np.square(linear).sum(axis=(-2, -1))
    stretch = limits.max_stretch
    # The first comparison is False for NaN. 1e-12: a map without any stretch meets the limit 1 despite rounding.
    return (
        (determinant > 0)
        & (squares <= (stretch + 1 / stretch) * determinant * (1 + 1e-12))
        & (determinant <= limits.max_scale**2)
        & (determinant >= limits.max_scale**-2)
    )


def residuals(matrix: Maps, query: Points, index: Points) -> NDArray[np.float64]:
    """Distances [M] in pixels between the mapped query points and their partners; `matrix` is [2, 3]."""
    return np.hypot(*(query @ matrix[:, :2].T + matrix[:, 2] - index).T)


def ransac(query: Points, index: Points, *, residual_px: float, trials: int, seed: int, limits: Limits) -> Maps | None:
    """The plausible affine map that most matches agree on.

    RANSAC (Fischler and Bolles 1981) with every sample solved, checked and counted in one go. Maps that are not
    plausible are dropped before they are counted: were the best map judged only at the end, as with a library's
    RANSAC, one collapsed map with many matches would hide the true one.

    Args:
        query: [M, 2] float64, M >= 3.
        index: [M, 2] float64.
        residual_px: an inlier's largest residual, in pixels of the index image.
        trials: samples of three matches.
        seed: of the samples.
        limits: what is plausible.

    Returns:
        [2, 3] float64, or None if no sample gave a plausible map.
    """
    maps = _sampled_maps(query, index, trials, seed, limits)
    if not len(maps):
        return None
    best: Maps = maps[_count_inliers(maps, query, index, residual_px).argmax()]
    return best


def _sampled_maps(query: Points, index: Points, trials: int, seed: int, limits: Limits) -> Maps:
    """The plausible [H, 2, 3] maps through the sampled triples of matches."""
    samples = np.random.default_rng(seed).integers(0, len(query), (trials, MIN_MATCHES))
    origin, partner = query[samples[:, 0]], index[samples[:, 0]]
    first, second = query[samples[:, 1]] - origin, query[samples[:, 2]] - origin
    # Twice the signed area. A match drawn twice has none, so this refuses such samples, too.
    area = first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]
    good = np.abs(area) >= 2 * _MIN_AREA_PX2
    samples, origin, partner = samples[good], origin[good], partner[good]
    first, second, area = first[good], second[good], area[good, None]
    to_first, to_second = index[samples[:, 1]] - partner, index[samples[:, 2]] - partner
    # A [first second] = [to_first to_second], by Cramer's rule, column by column of A.
    column_y = (to_first * second[:, 1:] - to_second * first[:, 1:]) / area
    column_x = (to_second * first[:, :1] - to_first * second[:, :1]) / area
    linear = np.stack([column_y, column_x], axis=2)
    good = plausible(linear, limits)
    linear, origin, partner = linear[good], origin[good], partner[good]
    translation = partner - np.einsum("hij,hj->hi", linear, origin)
    return np.concatenate([linear, translation[:, :, None]], axis=2)


def _count_inliers(maps: Maps, query: Points, index: Points, residual_px: float) -> NDArray[np.int64]:
    """How many matches agree with each map.

    In float32 and without a matrix product: its rounding may depend on the number of threads, these sums do not.
    """
    (y, x), (to_y, to_x) = query.T.astype(np.float32), index.T.astype(np.float32)
    step = max(1, _RESIDUALS_AT_ONCE // len(query))
    counts = []
    for start in range(0, len(maps), step):
        part = maps[start : start + step].astype(np.float32)[..., None]
        off_y = part[:, 0, 0] * y + part[:, 0, 1] * x + (part[:, 0, 2] - to_y)
        off_x = part[:, 1, 0] * y + part[:, 1, 1] * x + (part[:, 1, 2] - to_x)
        counts.append(np.count_nonzero(off_y * off_y + off_x * off_x <= residual_px**2, axis=1))
    return np.concatenate(counts)


def refine(matrix: Maps, query: Points, index: Points, residual_px: float, limits: Limits) -> Maps:
    """The least-squares map over the inliers of a map, repeated until the inliers stay the same.

    The local optimisation of RANSAC's result (Chum, Matas and Kittler 2003): a map through three noisy matches
    tilts. No step raises the sum of min(residual², limit²) over all matches.

    Args:
        matrix: [2, 3] float64, a plausible map.
        query: [M, 2] float64.
        index: [M, 2] float64.
        residual_px: an inlier's largest residual.
        limits: what is plausible; a map is not refined beyond them.
    """
    inliers = residuals(matrix, query, index) <= residual_px
    for _ in range(_REFINEMENTS):
        if inliers.sum() <= MIN_MATCHES:
            break
        design = np.column_stack([query[inliers], np.ones(inliers.sum())])
        refined = np.linalg.lstsq(design, index[inliers], rcond=None)[0].T
        if not plausible(refined[:, :2], limits):
            break
        agreeing = residuals(refined, query, index) <= residual_px
        matrix, settled = refined, np.array_equal(agreeing, inliers)
        if settled:
            break
        inliers = agreeing
    return matrix
