"""How much of two images their inliers cover: a landmark agrees all over, a repeated detail in one corner."""

import numpy as np
from numpy.typing import NDArray

from delf_verify.features import LocalFeatures, area_of
from delf_verify.matching import PutativeMatches

_MIN_INLIERS = 3


def inlier_spread(
    query: LocalFeatures, index: LocalFeatures, putative: PutativeMatches, inlier_mask: NDArray[np.bool_]
) -> float:
    """The share of the features' area that the inliers take up, of the image where it is the smaller one.

    Areas are those of `delf_verify.features.area_of`. As a ratio of two areas of one image it does not depend on the
    image's size, nor on any other affine map of it.

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
    return min(_share(features, rows[mask]) for features, rows in sides)


def _share(features: LocalFeatures, rows: NDArray[np.int64]) -> float:
    whole, part = features.area, area_of(features.locations_yx[rows])
    return min(1.0, part / whole) if whole > 0 else 0.0
