"""What counts among the matches that agree with a map: every location once, and not all on one line or spot."""

import numpy as np
from numpy.typing import NDArray

from delf_verify.affine import Points, as_complex

Integers = NDArray[np.int64]


def count_once(query: Points, index: Points, squares: Points, residual_px: float) -> NDArray[np.bool_]:
    """Marks the matches within the limit, best first, whose two locations (to the pixel) are both unused.

    Args:
        query: [M, 2] float64.
        index: [M, 2] float64.
        squares: [M] float64, squared residuals.
        residual_px: an inlier's largest residual.
    """
    within = np.flatnonzero(squares <= residual_px**2)
    within = within[np.argsort(squares[within], kind="stable")]
    places, partners = _numbered(query[within]), _numbered(index[within])
    mask = np.zeros(len(query), dtype=bool)
    # A match that comes first at both of its locations is taken whatever else happens. Without it and its rivals the
    # next ones come first: the same choice as one by one, in as many rounds as the longest chain of rivals.
    while len(within):
        taken = _comes_first(places) & _comes_first(partners)
        mask[within[taken]] = True
        if taken.all():
            break
        left = ~(np.isin(places, places[taken]) | np.isin(partners, partners[taken]))
        within, places, partners = within[left], places[left], partners[left]
    return mask


def _numbered(points: Points) -> Integers:
    """[N] int64, equal for points of one pixel."""
    return np.unique(as_complex(np.rint(points)), return_inverse=True)[1]


def _comes_first(numbers: Integers) -> NDArray[np.bool_]:
    """Whether each number has not occurred before; numbers are small and not negative."""
    first = np.zeros(numbers.max() + 1, dtype=np.int64)
    # Of several values for one place the last one stays.
    first[numbers[::-1]] = np.arange(len(numbers))[::-1]
    return np.asarray(first[numbers] == np.arange(len(numbers)))


def is_spread(points: Points, min_spread_px: float) -> bool:
    """Whether points [N, 2] fill an area: their standard deviation across their main axis is large enough."""
    y, x = (points - points.mean(axis=0)).T
    yy, xx, yx = (y * y).mean(), (x * x).mean(), (y * x).mean()
    # The smaller eigenvalue of the covariance.
    across = (yy + xx) / 2 - np.hypot((yy - xx) / 2, yx)
    return bool(across >= min_spread_px**2)
