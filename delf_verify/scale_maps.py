"""Affine maps from single matches: two features of one place also tell how much larger one photograph shows it."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
Maps = NDArray[np.float64]
Mask = NDArray[np.bool_]

# Maps that are refined, those with the most matches at first sight. With one, a chance agreement often wins (AUC 0.92
# instead of 0.96 on real pairs); more than these change nothing.
_REFINED = 16
_REFINEMENTS = 8
# Weight of the proposed similarity in the least squares, in matches.
_PRIOR = 0.2
# At first sight a map has no stretch and no turn, so its matches may lie this many times the residual off.
_FIRST_SIGHT = 2.0
# Residuals that are held in memory at once.
_RESIDUALS_AT_ONCE = 1 << 20


class ScaledFit(NamedTuple):
    """A map, and the matches that agree with it in place and in scale.

    Attributes:
        matrix: [2, 3] float64, maps (y, x, 1) of the query to (y, x) of the index image.
        agreeing: [M] bool.
    """

    matrix: Maps
    agreeing: Mask


def fit_scaled(
    query: Points,
    index: Points,
    scale_ratios: NDArray[np.floating],
    *,
    residual_px: float,
    scale_tolerance: float,
    max_scale: float,
    max_stretch: float,
) -> ScaledFit | None:
    """The affine map that most matches agree on in place and in scale.

    Every match proposes one map: the scale ratio of its two features, no turn, and the shift that brings one onto the
    other (Philbin et al., "Object retrieval with large vocabularies and fast spatial matching", CVPR 2007, section
    4: "upright" hypotheses from single correspondences). M matches give M maps, so nothing is drawn at random. The
    most promising ones are refined by least squares to affine maps, over the matches that agree, repeatedly. A match
    agrees if the map brings it within the residual of its partner, and if the map's scale sqrt(det A) is the match's
    own within a factor exp(scale_tolerance): chance agreements rarely pass both.

    Args:
        query: [M, 2] float64, locations (y, x).
        index: [M, 2] float64, their partners.
        scale_ratios: [M] float, size of the index feature / size of the query feature, positive.
        residual_px: largest residual of an inlier, in pixels of the index image, or of the query where that is larger:
            a map that shrinks everything would agree with whatever falls on the spot.
        scale_tolerance: largest |log(scale ratio) - log(scale of the map)|.
        max_scale: maps that enlarge or shrink by more are dropped.
        max_stretch: maps whose singular values differ by a larger factor are dropped.

    Returns:
        The map with the most agreeing matches, among equals the one of the smallest squared residuals, or None where
        no map has three.
    """
    logs = np.log(np.asarray(scale_ratios, dtype=np.float64))
    seeds = _promising(query, index, logs, residual_px, scale_tolerance, max_scale)
    if not len(seeds.scales):
        return None
    agreeing, best = seeds.agreeing, None
    # Centred coordinates: the sums of squares keep their digits.
    centre = query.mean(axis=0)
    for _ in range(_REFINEMENTS):
        maps, valid = _least_squares(query - centre, index, agreeing, seeds.scales, max_stretch)
        valid &= np.abs(_log_scale(maps)) <= np.log(max_scale)
        squares = _squared_residuals(maps, query - centre, index)
        again = squares <= residual_px**2 * _shrinkage(_log_scale(maps))[:, None]
        again &= np.abs(logs - _log_scale(maps)[:, None]) <= scale_tolerance
        again &= valid[:, None]
        best = _better(best, maps, again, squares)
        if np.array_equal(again, agreeing):
            break
        agreeing = again
    if best is None:
        return None
    matrix = best.matrix.copy()
    matrix[:, 2] -= matrix[:, :2] @ centre
    return ScaledFit(matrix, best.agreeing)


class _Best(NamedTuple):
    rank: tuple[int, float]
    matrix: Maps
    agreeing: Mask


class _Seeds(NamedTuple):
    scales: NDArray[np.float64]
    agreeing: Mask


def _promising(
    query: Points, index: Points, logs: NDArray[np.float64], residual_px: float, tolerance: float, max_scale: float
) -> _Seeds:
    """The proposals that most matches agree with at first sight: scales [H] and the agreeing matches [H, M]."""
    proposals = np.flatnonzero(np.abs(logs) <= np.log(max_scale))
    counts = [np.zeros(0, np.int64)]
    step = max(1, _RESIDUALS_AT_ONCE // max(1, len(query)))
    for start in range(0, len(proposals), step):
        part = proposals[start : start + step]
        counts.append(_at_first_sight(part, query, index, logs, residual_px, tolerance).sum(axis=1))
    count = np.concatenate(counts)
    # Stable: among equals the first match proposes.
    order = np.argsort(-count, kind="stable")[:_REFINED]
    chosen = proposals[order[count[order] >= 3]]
    agreeing = _at_first_sight(chosen, query, index, logs, residual_px, tolerance)
    return _Seeds(np.exp(logs[chosen]), agreeing)


def _at_first_sight(
    proposals: NDArray[np.int64],
    query: Points,
    index: Points,
    logs: NDArray[np.float64],
    residual_px: float,
    tolerance: float,
) -> Mask:
    """[H, M] bool, which matches agree with the proposal of each given match. In float32, without a matrix product."""
    scales = np.exp(logs[proposals]).astype(np.float32)[:, None]
    squares: NDArray[np.float32] = np.zeros((len(proposals), len(query)), np.float32)
    for axis in (0, 1):
        here, there = query[:, axis].astype(np.float32), index[:, axis].astype(np.float32)
        off = scales * (here - here[proposals, None]) - (there - there[proposals, None])
        squares += off * off
    near: Mask = squares <= (_FIRST_SIGHT * residual_px) ** 2 * _shrinkage(logs[proposals])[:, None]
    return near & (np.abs(logs - logs[proposals, None]) <= tolerance)


def _least_squares(
    query: Points, index: Points, agreeing: Mask, scales: NDArray[np.float64], max_stretch: float
) -> tuple[Maps, Mask]:
    """For each row of `agreeing` the affine map [H, 2, 3] of least squares, and whether it is one [H].

    The proposed similarity counts as a part of a match at the typical distance from the centre: three noisy matches
    would tilt a free map. Sums instead of solvers, for all maps at once.
    """
    weights = agreeing.astype(np.float64)
    count = np.maximum(weights.sum(axis=1), 1)
    mean_query = np.einsum("hm,mi->hi", weights, query) / count[:, None]
    mean_index = np.einsum("hm,mi->hi", weights, index) / count[:, None]
    moments = np.einsum("hm,mk->hk", weights, (query[:, :, None] * query[:, None, :]).reshape(-1, 4)).reshape(-1, 2, 2)
    crossed = np.einsum("hm,mk->hk", weights, (index[:, :, None] * query[:, None, :]).reshape(-1, 4)).reshape(-1, 2, 2)
    moments -= count[:, None, None] * mean_query[:, :, None] * mean_query[:, None, :]
    crossed -= count[:, None, None] * mean_index[:, :, None] * mean_query[:, None, :]
    typical = _PRIOR * np.trace(moments, axis1=1, axis2=2) / count + 1e-6
    identity = np.eye(2)
    moments += typical[:, None, None] * identity
    crossed += (typical * scales)[:, None, None] * identity
    linear = crossed @ np.linalg.inv(moments)
    shift = mean_index - np.einsum("hij,hj->hi", linear, mean_query)
    determinant = np.linalg.det(linear)
    stretched = np.square(linear).sum(axis=(1, 2)) > (max_stretch + 1 / max_stretch) * determinant
    return np.concatenate([linear, shift[:, :, None]], axis=2), (determinant > 0) & ~stretched


def _shrinkage(log_scales: NDArray[np.float64]) -> NDArray[np.float64]:
    """[H], at most 1: how much smaller an area becomes. Residuals count in pixels of the more detailed photograph."""
    return np.exp(2 * np.minimum(log_scales, 0.0))


def _log_scale(maps: Maps) -> NDArray[np.float64]:
    determinant = maps[:, 0, 0] * maps[:, 1, 1] - maps[:, 0, 1] * maps[:, 1, 0]
    return np.asarray(0.5 * np.log(np.maximum(determinant, 1e-12)))


def _squared_residuals(maps: Maps, query: Points, index: Points) -> NDArray[np.float64]:
    """[H, M]; sums, not a matrix product, whose rounding may depend on the number of threads."""
    squares = np.zeros((len(maps), len(query)))
    for row in (0, 1):
        off = maps[:, row, 0, None] * query[:, 0] + maps[:, row, 1, None] * query[:, 1] + maps[:, row, 2, None]
        squares += np.square(off - index[:, row])
    return squares


def _better(best: _Best | None, maps: Maps, agreeing: Mask, squares: NDArray[np.float64]) -> _Best | None:
    counts = agreeing.sum(axis=1)
    lost = np.where(agreeing, squares, 0.0).sum(axis=1)
    row = int(np.lexsort((lost, -counts))[0])
    rank = (-int(counts[row]), float(lost[row]))
    if counts[row] < 3 or (best is not None and best.rank <= rank):
        return best
    return _Best(rank, maps[row], agreeing[row])
