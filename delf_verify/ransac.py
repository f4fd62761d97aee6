"""RANSAC that tries its samples in blocks of array operations, for every model; the same result on every run."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from delf_verify.affine import Limits, Maps, Points
from delf_verify.maps import Model, Search

# Residuals that are held in memory at once; 2^15 float32 stay in the cache.
_RESIDUALS_AT_ONCE = 1 << 15
# Samples before it is first asked whether they were enough. Part of the result: not to be derived from the machine.
_FIRST_BLOCK = 250
# More of them change no AUC on real pairs.
_REFINEMENTS = 4


def ransac(model: Model, query: Points, index: Points, search: Search) -> Maps | None:
    """The plausible map that most matches agree on.

    RANSAC (Fischler and Bolles 1981). Maps that are not plausible are dropped before they are counted: were the best
    map judged only at the end, as with a library's RANSAC, one collapsed map with many matches would hide the true
    one. Samples are drawn in blocks of 250, 750, 3000, ...; no further block is drawn once a sample of nothing
    but the best map's inliers has come up with the wanted probability.

    Args:
        model: the kind of map.
        query: [M, 2] float64, M >= model.min_matches.
        index: [M, 2] float64.
        search: the limits, and how many samples are drawn.

    Returns:
        The matrix, or None if no sample gave a plausible map.
    """
    best, most, done = None, 0, 0
    draws = _draws(search.seed, search.trials, model.min_matches)
    while done < search.trials:
        stop = min(search.trials, max(_FIRST_BLOCK, 4 * done))
        samples = (draws[done:stop] * len(query)).astype(np.int64)
        maps = model.solve(query, index, samples, search.limits)
        if len(maps):
            counts = count_inliers(model, maps, query, index, search.residual_px)
            first = int(counts.argmax())
            if counts[first] > most:
                best, most = maps[first], int(counts[first])
        done = stop
        if done >= enough_samples(most / len(query), model.min_matches, search.confidence):
            break
    return best


@lru_cache(maxsize=8)
def _draws(seed: int, trials: int, size: int) -> NDArray[np.float64]:
    """[trials, size] uniform in [0, 1): the same for every pair, so they are drawn once."""
    draws = np.random.default_rng(seed).random((trials, size))
    draws.flags.writeable = False
    return draws


def enough_samples(share: float, size: int, confidence: float) -> float:
    """How many samples of `size` matches make it this probable that one holds nothing but inliers.

    log(1 - confidence) / log(1 - share^size) (Fischler and Bolles 1981, section II.B); inf without inliers.
    """
    whole = share**size
    if whole >= 1:
        return 0.0
    # Below 1e-16 the logarithm is 0.
    return float(np.log1p(-confidence) / np.log1p(-whole)) if whole > 1e-16 else np.inf


def count_inliers(model: Model, maps: Maps, query: Points, index: Points, residual_px: float) -> NDArray[np.int64]:
    """[R] int64, how many matches agree with each map; counted in float32."""
    # All y together and all x together: the sums below run along them.
    points, partners = (np.ascontiguousarray(locations.T, np.float32).T for locations in (query, index))
    step = max(1, _RESIDUALS_AT_ONCE // len(query))
    limits = (residual_px**2 * model.shrinkage(maps)).astype(np.float32)[:, None]
    counts = [
        np.add.reduce(
            model.squared_residuals(maps[start : start + step], points, partners) <= limits[start : start + step],
            axis=1,
            dtype=np.int64,
        )
        for start in range(0, len(maps), step)
    ]
    return np.concatenate(counts)


def squared_residuals(model: Model, matrix: Maps, query: Points, index: Points, limits: Limits) -> Points:
    """[M] float64 squared residuals of one map, see `Model.shrinkage`; inf where it is not plausible."""
    squares = model.squared_residuals(matrix[None], query, index)[0] / model.shrinkage(matrix[None])
    return np.where(model.plausible_at(matrix, query, limits), squares, np.inf)


def refine(model: Model, matrix: Maps, query: Points, index: Points, search: Search) -> Maps:
    """The least-squares map over the inliers of a map, repeated until it gets no better.

    The local optimisation of RANSAC's result (Chum, Matas and Kittler, "Locally optimized RANSAC", 2003): a map
    through a few noisy matches tilts. Every step lowers the sum of min(residual², limit²) over all matches.

    Args:
        model: the kind of map.
        matrix: a map of it.
        query: [M, 2] float64.
        index: [M, 2] float64.
        search: the residual, and the limits: a match around which the map is not plausible counts as an outlier.
    """
    limit = search.residual_px**2
    squares = squared_residuals(model, matrix, query, index, search.limits)
    cost, used = np.minimum(squares, limit).sum(), None
    for _ in range(_REFINEMENTS):
        inliers = np.flatnonzero(squares <= limit)
        if len(inliers) <= model.min_matches or (used is not None and np.array_equal(inliers, used)):
            break
        refined = model.fit(query[inliers], index[inliers])
        if refined is None:
            break
        squares = squared_residuals(model, refined, query, index, search.limits)
        lower = np.minimum(squares, limit).sum()
        if not lower < cost:
            break
        matrix, cost, used = refined, lower, inliers
    return matrix
