"""How much of two images their inliers cover: a landmark agrees all over, a repeated detail in one corner."""

import numpy as np
from numpy.typing import NDArray

from delf_verify.features import LocalFeatures
from delf_verify.matching import PutativeMatches

_MIN_INLIERS = 3
# Locations are float32: rounding leaves a line a width of about 1e-7 of its length, and variances are squares of that.
_LINE = 1e-10


def inlier_spread(
    query: LocalFeatures, index: LocalFeatures, putative: PutativeMatches, inlier_mask: NDArray[np.bool_]
) -> float:
    """The share of the features' area that the inliers take up, of the image where it is the smaller one.

    An area is sqrt(det C), C the covariance of locations: proportional to the area of the ellipse of one standard
    deviation. As a ratio of two such areas of one image it does not depend on the image's size, nor on any other
    affine map of it.

    Args:
        query: the query's features.
        index: the index image's.
        putative: M matches of both.
        inlier_mask: [M] bool, which of them agree.

    Returns:
        In [0, 1]; 0 with fewer than 3 inliers, or where inliers or all features lie on one line.

    Raises:
        ValueError: the mask has another length than the matches.
    """
    mask = np.asarray(inlier_mask, dtype=bool)
    if mask.shape != (len(putative),):
        raise ValueError(f"inlier_mask must be [{len(putative)}] like the matches, got {list(mask.shape)}")
    if np.count_nonzero(mask) < _MIN_INLIERS:
        return 0.0
    sides = ((query, putative.query_indices), (index, putative.index_indices))
    return min(_share(features.locations_yx, rows[mask]) for features, rows in sides)


def _share(locations_yx: NDArray[np.float32], rows: NDArray[np.int64]) -> float:
    whole, part = _area(locations_yx), _area(locations_yx[rows])
    return min(1.0, part / whole) if whole > 0 else 0.0


def _area(locations_yx: NDArray[np.float32]) -> float:
    centred = locations_yx - locations_yx.mean(axis=0, dtype=np.float64)
    (yy, yx), (_, xx) = (centred.T @ centred / len(centred)).tolist()
    determinant = yy * xx - yx * yx
    # det / trace^2 is about the ratio of the smaller to the larger variance.
    return float(np.sqrt(determinant)) if determinant > _LINE * (yy + xx) ** 2 else 0.0
