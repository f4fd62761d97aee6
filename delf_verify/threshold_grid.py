"""Candidate thresholds of one number or of two, and what each of them keeps of a sample."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

BoolArray = NDArray[np.bool_]
FloatArray = NDArray[np.float64]

# Candidates a threshold: 48 x 48 pairs resolve a few hundred validation queries and cost seconds.
_MAX_CANDIDATES = 48
# Of a single threshold more can be afforded.
_MAX_SINGLE = 1000
_PROBABILITY_STEP = 1e-4


@dataclass(frozen=True, eq=False)
class ThresholdGrid:
    """All pairs of candidates for "kept if x >= first or m > second"; pair number p is divmod(p, len(second_cuts)).

    Attributes:
        names: of the thresholds, one or two.
        first_cuts: [F] candidates.
        second_cuts: [S] candidates; one number, infinity, where there is no second threshold.
        above_first: [F, N] bool, x >= cut.
        above_second: [S, N] bool, m > cut.
    """

    names: tuple[str, ...]
    first_cuts: FloatArray
    second_cuts: FloatArray
    above_first: BoolArray
    above_second: BoolArray

    @classmethod
    def of_inliers(cls, largest: FloatArray, mean: FloatArray, *, keep_unknown: bool) -> "ThresholdGrid":
        """Pairs of thresholds for the largest [N] and the mean [N] number of inliers.

        Args:
            largest: NaN where nothing was compared.
            mean: likewise.
            keep_unknown: whether a row with NaN is kept whatever the thresholds are, or never.
        """
        first = boundaries(largest, whole=True)
        second = boundaries(mean, whole=False)
        above = (largest[None, :] >= first[:, None]) | (np.isnan(largest) & keep_unknown)
        return cls(("max_inliers", "mean_inliers"), first, second, above, mean[None, :] > second[:, None])

    @classmethod
    def of_one(cls, name: str, values: FloatArray, cuts: FloatArray, *, keep_unknown: bool) -> "ThresholdGrid":
        """Thresholds `cuts` for one number [N]; NaN as in `of_inliers`."""
        above = (values[None, :] >= cuts[:, None]) | (np.isnan(values) & keep_unknown)
        return cls((name,), cuts, np.array([np.inf]), above, np.zeros((1, len(values)), dtype=bool))

    def __len__(self) -> int:
        return len(self.first_cuts) * len(self.second_cuts)

    def place(self, pair: int) -> tuple[int, int]:
        """Numbers of a pair's candidates."""
        return divmod(pair, len(self.second_cuts))

    def cuts(self, pair: int) -> tuple[float, float]:
        """The thresholds of a pair; infinity for a second one that there is not."""
        first, second = self.place(pair)
        return float(self.first_cuts[first]), float(self.second_cuts[second])

    def kept(self, pair: int) -> BoolArray:
        """[N] bool, what the pair keeps."""
        first, second = self.place(pair)
        return self.above_first[first] | self.above_second[second]

    def sweep(self, is_true: BoolArray) -> pd.DataFrame:
        """A row a pair: its thresholds by name, num_true and num_false (how many it keeps of either kind).

        The shares true_kept and false_kept, and precision (0 where nothing is kept), are columns as well.
        """
        counts = np.empty((len(self), 2), dtype=np.int64)
        for pair in range(len(self)):
            kept = self.kept(pair)
            right = int(np.count_nonzero(kept & is_true))
            counts[pair] = right, int(np.count_nonzero(kept)) - right
        cuts = (np.repeat(self.first_cuts, len(self.second_cuts)), np.tile(self.second_cuts, len(self.first_cuts)))
        table = pd.DataFrame(dict(zip(self.names, cuts, strict=False)))
        num_true, num_false = int(is_true.sum()), int((~is_true).sum())
        return table.assign(
            num_true=counts[:, 0],
            num_false=counts[:, 1],
            true_kept=counts[:, 0] / max(num_true, 1),
            false_kept=counts[:, 1] / max(num_false, 1),
            precision=counts[:, 0] / np.maximum(counts.sum(axis=1), 1),
        )


def boundaries(values: FloatArray, *, whole: bool, limit: int = _MAX_CANDIDATES) -> FloatArray:
    """Thresholds that split a sample in different ways: 0 (all pass), the middles of neighbours, the top (none).

    Args:
        values: [N] float, not negative; NaN is left out.
        whole: the values are whole numbers, compared by >=; else they are compared by >.
        limit: how many there are at most; beyond it they are thinned out evenly.

    Returns:
        The thresholds, ascending.
    """
    seen = np.unique(values[~np.isnan(values)])
    middles = (seen[1:] + seen[:-1]) / 2
    if whole:
        # x >= ceil(middle) splits whole numbers as x >= middle does, and reads better.
        cuts = np.unique(np.concatenate([[0.0], np.ceil(middles), seen[-1:] + 1]))
    else:
        cuts = np.unique(np.concatenate([[0.0], middles, seen[-1:]]))
    return _thinned(cuts, limit)


def inlier_boundaries(inliers: FloatArray) -> FloatArray:
    """`boundaries` of one threshold for numbers of inliers [N]."""
    return boundaries(inliers, whole=True, limit=_MAX_SINGLE)


def probability_boundaries(probability: FloatArray) -> FloatArray:
    """`boundaries` for probabilities [N] compared by >=, on whole steps of 0.0001, in [0, 1], for people to read."""
    seen = np.unique(probability[~np.isnan(probability)])
    middles = (seen[1:] + seen[:-1]) / 2
    steps = np.unique(np.round(np.concatenate([[0.0], middles, [1.0]]) / _PROBABILITY_STEP))
    return _thinned(np.round(steps * _PROBABILITY_STEP, 4), _MAX_SINGLE)


def _thinned(cuts: FloatArray, limit: int) -> FloatArray:
    if len(cuts) <= limit:
        return cuts
    return cuts[np.unique(np.linspace(0, len(cuts) - 1, limit).round().astype(int))]
