"""The maps that a pair of photographs may agree on, behind one contract."""

from typing import Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from delf_verify.affine import Affine, Limits, Maps, Points, Similarity, Squares
from delf_verify.fundamental import Fundamental
from delf_verify.homography import Homography

ModelName = Literal["similarity", "affine", "homography", "fundamental"]


class Search(NamedTuple):
    """How a robust estimator looks for a map; see `delf_verify.geometry.GeometryConfig`."""

    residual_px: float
    trials: int
    confidence: float
    seed: int
    limits: Limits


class Model(Protocol):
    """What a robust estimator must know of a kind of map.

    Attributes:
        min_matches: how many matches fix one map.
    """

    min_matches: int

    def solve(self, query: Points, index: Points, samples: NDArray[np.int64], limits: Limits) -> Maps:
        """The plausible maps [R, ...] through samples [H, min_matches] of matches; R need not be H."""

    def squared_residuals(self, maps: Maps, query: Squares, index: Squares) -> Squares:
        """[R, M] squared residuals of all matches under maps [R, ...], in square pixels.

        In the precision of `query`; the same whatever the number of threads.
        """

    def shrinkage(self, maps: Maps) -> Points:
        """[R] float64 in (0, 1]: squared residuals divided by it are those of the image in which they are larger.

        A map that makes the query three times smaller brings everything near something; measured in the query, such
        a match is three times as far off. On real pairs the AUC rises by 0.01 to 0.025.
        """

    def plausible_at(self, matrix: Maps, query: Points, limits: Limits) -> NDArray[np.bool_]:
        """[M] bool, whether a map may relate two photographs of one place around each query point."""

    def fit(self, query: Points, index: Points) -> Maps | None:
        """The map of least squares over all given matches, or None where they fix none."""


MODELS: dict[str, Model] = {
    "similarity": Similarity(),
    "affine": Affine(),
    "homography": Homography(),
    "fundamental": Fundamental(),
}
