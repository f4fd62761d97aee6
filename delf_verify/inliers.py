"""What counts among the matches that agree with a map: every location once, and not all on one line or spot."""

import math

import numpy as np
from numpy.typing import NDArray

from delf_verify.affine import Points, as_complex


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
    mask = np.zeros(len(query), dtype=bool)
    used_query: set[complex] = set()
    used_index: set[complex] = set()
    # A loop over the inliers alone, with one number for a location: up to 400 inliers quicker than sorting them.
    here, there = as_complex(np.rint(query[within])).tolist(), as_complex(np.rint(index[within])).tolist()
    for row, place, partner in zip(within.tolist(), here, there, strict=True):
        if place not in used_query and partner not in used_index:
            used_query.add(place)
            used_index.add(partner)
            mask[row] = True
    return mask


def is_spread(points: Points, min_spread_px: float) -> bool:
    """Whether points [N, 2] fill an area: their standard deviation across their main axis is large enough."""
    centred = points - points.mean(axis=0)
    (yy, yx), (_, xx) = (np.einsum("ni,nj->ij", centred, centred) / len(points)).tolist()
    # The smaller eigenvalue of the covariance.
    across = (yy + xx) / 2 - math.hypot((yy - xx) / 2, yx)
    return across >= min_spread_px**2
