"""Finds the thresholds of the decision rule on labelled evidence, careful not to fit its noise.

The rule keeps a prediction if its largest number of inliers x >= X or its mean number m > M (seed 003, section 2.3;
`delf_verify.decision`). Both are swept together. What "good" means is the caller's `objective` of the kept
predictions: tfland passes GAP, which this package never computes.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from delf_verify.decision import Thresholds

BoolArray = NDArray[np.bool_]
Objective = Callable[[BoolArray], float]

# Candidates a threshold: 48 x 48 pairs resolve a few hundred validation queries and cost seconds.
_MAX_CANDIDATES = 48
# Only the best pairs are looked at again under resampling.
_MAX_FINALISTS = 200
# The floor must hold on the sample, and a little below it with confidence: the thresholds chosen on few queries just
# meet the floor there and fall through it on the next sample. On landmarks15, 60 random halves of its queries (about 92
# true predictions each, floor 0.95), the other half kept less than 0.90 in 10 of 60 with (0.05, 1.64), in 2 with these.
_CONFIDENT_MARGIN = 0.04
_Z_975 = 1.96
# distractor_inliers / mean_inliers in seed 003, for samples that cannot tell.
SEED_RATIO = 5.0 / 8.0


@dataclass(frozen=True, kw_only=True)
class TuningResult:
    """Thresholds and how they were found.

    Attributes:
        thresholds: what was chosen.
        table: every pair of thresholds tried; columns max_inliers, mean_inliers, objective, true_kept, false_kept
            (shares of the true and false predictions that stay), allowed (the floor holds), resampled (mean objective
            over half-samples, NaN where not looked at), chosen.
        objective: the objective at the chosen thresholds, on the whole sample.
        objective_all_kept: the objective if nothing were dropped.
        true_kept: share of the true predictions that stay.
        false_kept: share of the false ones that stay.
    """

    thresholds: Thresholds
    table: pd.DataFrame
    objective: float
    objective_all_kept: float
    true_kept: float
    false_kept: float


def tune(
    evidence: pd.DataFrame,
    objective: Objective,
    is_true: BoolArray,
    min_true_kept: float = 0.95,
    *,
    is_distractor: BoolArray | None = None,
    resamples: int = 50,
    seed: int = 0,
    extractor: str = "",
) -> TuningResult:
    """Returns the thresholds that maximise `objective` while most true predictions stay.

    Among the pairs of thresholds that meet the floor, the objective is averaged over random half-samples of the
    predictions (half-sampling, Politis, Romano & Wolf 1999: the spread over halves estimates the sampling error of
    the whole). Every pair within one standard error of the best belongs to the plateau, and the pair in the middle of
    the plateau is chosen. The third threshold separates distractors from wrong predictions among those dropped.

    Args:
        evidence: columns max_inliers and mean_inliers, a row a prediction; NaN where nothing was compared (such
            predictions are always kept).
        objective: maps a mask [rows] of the predictions kept to a number; higher is better. It must accept any mask.
        is_true: [rows] bool, whether the prediction is right.
        min_true_kept: floor of the share of true predictions that stay.
        is_distractor: [rows] bool, whether the query shows no landmark; without it the third threshold keeps the
            seed's ratio to the second.
        resamples: number of half-samples.
        seed: reaches every draw.
        extractor: fingerprint of the features, kept in the thresholds.

    Raises:
        ValueError: a column is missing, lengths differ, there is no true prediction, or an option is out of range.
    """
    largest, mean, is_true = _checked(evidence, is_true, min_true_kept, resamples)
    grid = _Grid.of(largest, mean)
    table = grid.sweep(objective, is_true, min_true_kept)
    chosen = _choose(grid, table, objective, resamples, seed)
    table["chosen"] = np.arange(len(table)) == chosen
    row = table.iloc[chosen]
    third = _distractor_threshold(mean, ~grid.kept(chosen) & ~is_true, is_distractor, float(row["mean_inliers"]))
    return TuningResult(
        thresholds=Thresholds(
            max_inliers=float(row["max_inliers"]),
            mean_inliers=float(row["mean_inliers"]),
            distractor_inliers=third,
            extractor=extractor,
        ),
        table=table,
        objective=float(row["objective"]),
        objective_all_kept=float(objective(np.ones(len(is_true), dtype=bool))),
        true_kept=float(row["true_kept"]),
        false_kept=float(row["false_kept"]),
    )


@dataclass(frozen=True, eq=False)
class _Grid:
    """All pairs of candidate thresholds; pair number p is (p // len(mean_cuts), p % len(mean_cuts))."""

    max_cuts: NDArray[np.float64]
    mean_cuts: NDArray[np.float64]
    above_max: BoolArray
    above_mean: BoolArray

    @classmethod
    def of(cls, largest: NDArray[np.float64], mean: NDArray[np.float64]) -> "_Grid":
        max_cuts = boundaries(largest, whole=True)
        mean_cuts = boundaries(mean, whole=False)
        # What could not be compared is kept whatever the thresholds are.
        above_max = (largest[None, :] >= max_cuts[:, None]) | np.isnan(largest)
        return cls(max_cuts, mean_cuts, above_max, mean[None, :] > mean_cuts[:, None])

    def place(self, pair: int) -> tuple[int, int]:
        return divmod(pair, len(self.mean_cuts))

    def kept(self, pair: int) -> BoolArray:
        row, column = self.place(pair)
        return self.above_max[row] | self.above_mean[column]

    def sweep(self, objective: Objective, is_true: BoolArray, min_true_kept: float) -> pd.DataFrame:
        pairs = range(len(self.max_cuts) * len(self.mean_cuts))
        values: dict[bytes, float] = {}
        rows = []
        for pair in pairs:
            kept = self.kept(pair)
            key = np.packbits(kept).tobytes()
            if key not in values:
                values[key] = float(objective(kept))
            rows.append((values[key], int(kept[is_true].sum()), int(kept[~is_true].sum())))
        value, true_kept, false_kept = (np.array(column) for column in zip(*rows, strict=True))
        num_true, num_false = int(is_true.sum()), int((~is_true).sum())
        return pd.DataFrame(
            {
                "max_inliers": np.repeat(self.max_cuts, len(self.mean_cuts)),
                "mean_inliers": np.tile(self.mean_cuts, len(self.max_cuts)),
                "objective": value,
                "true_kept": true_kept / num_true,
                "false_kept": false_kept / max(num_false, 1),
                "allowed": _floor_holds(true_kept, num_true, min_true_kept),
                "resampled": np.nan,
            }
        )


def _checked(
    evidence: pd.DataFrame, is_true: BoolArray, min_true_kept: float, resamples: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], BoolArray]:
    if missing := {"max_inliers", "mean_inliers"} - set(evidence.columns):
        raise ValueError(f"the evidence lacks the columns {sorted(missing)}; it has {list(evidence.columns)}")
    is_true = np.asarray(is_true, dtype=bool)
    if len(is_true) != len(evidence):
        raise ValueError(f"{len(evidence)} rows of evidence but {len(is_true)} labels: give one a row")
    if not is_true.any():
        raise ValueError(
            f"none of the {len(is_true)} predictions is true, so there is nothing to keep: check the labels"
        )
    if not 0 < min_true_kept <= 1:
        raise ValueError(f"min_true_kept={min_true_kept}: give a share in (0, 1], such as 0.95")
    if resamples < 2:
        raise ValueError(f"resamples={resamples}: give at least 2")
    largest = evidence["max_inliers"].to_numpy(np.float64, na_value=np.nan)
    mean = evidence["mean_inliers"].to_numpy(np.float64, na_value=np.nan)
    if np.isnan(largest).all():
        raise ValueError("no prediction was compared with any image, so there is nothing to tune on")
    return largest, mean, is_true


def boundaries(values: NDArray[np.float64], *, whole: bool) -> NDArray[np.float64]:
    """Thresholds that split a sample in different ways: 0 (all pass), the middles of neighbours, the top (none).

    Args:
        values: [N] float, not negative; NaN is left out.
        whole: the values are whole numbers, compared by >=; else they are compared by >.

    Returns:
        At most _MAX_CANDIDATES of them, ascending.
    """
    seen = np.unique(values[~np.isnan(values)])
    middles = (seen[1:] + seen[:-1]) / 2
    if whole:
        # x >= ceil(middle) splits whole numbers as x >= middle does, and reads better.
        cuts = np.unique(np.concatenate([[0.0], np.ceil(middles), [seen[-1] + 1]]))
    else:
        cuts = np.unique(np.concatenate([[0.0], middles, [seen[-1]]]))
    if len(cuts) > _MAX_CANDIDATES:
        cuts = cuts[np.unique(np.linspace(0, len(cuts) - 1, _MAX_CANDIDATES).round().astype(int))]
    return cuts


def _floor_holds(num_kept: NDArray[np.int64], num_true: int, min_true_kept: float) -> BoolArray:
    """Whether enough true predictions stay: on the sample, and with confidence (Wilson 1927) a little below it."""
    confident = min(min_true_kept - _CONFIDENT_MARGIN, float(_wilson_low(np.array([num_true]), num_true)[0]))
    return (num_kept / num_true >= min_true_kept) & (_wilson_low(num_kept, num_true) >= confident)


def _wilson_low(hits: NDArray[np.int64], total: int) -> NDArray[np.float64]:
    share, z = hits / total, _Z_975
    spread = z * np.sqrt(share * (1 - share) / total + z**2 / (4 * total**2))
    return (share + z**2 / (2 * total) - spread) / (1 + z**2 / total)


def _choose(grid: _Grid, table: pd.DataFrame, objective: Objective, resamples: int, seed: int) -> int:
    """The number of the pair in the middle of the plateau; fills the table's `resampled` column."""
    allowed = np.flatnonzero(table["allowed"].to_numpy())
    finalists = allowed[np.argsort(-table["objective"].to_numpy()[allowed], kind="stable")[:_MAX_FINALISTS]]
    num_rows = grid.above_max.shape[1]
    generator = np.random.default_rng([seed, num_rows])
    halves = np.argsort(generator.random((resamples, num_rows)), axis=1) < (num_rows + 1) // 2
    values = np.array([[objective(grid.kept(pair) & half) for half in halves] for pair in finalists])
    table.loc[finalists, "resampled"] = values.mean(axis=1)
    behind = values[np.argmax(values.mean(axis=1))] - values
    plateau = finalists[behind.mean(axis=1) <= behind.std(axis=1) + 1e-12]
    places = np.array([grid.place(pair) for pair in plateau], dtype=np.float64)
    distance = np.linalg.norm(places - places.mean(axis=0), axis=1).round(9)
    # Of two equally central pairs the one that keeps more true predictions.
    return int(plateau[np.lexsort((plateau, -table["true_kept"].to_numpy()[plateau], distance))[0]])


def _distractor_threshold(
    mean: NDArray[np.float64], dropped: BoolArray, is_distractor: BoolArray | None, mean_inliers: float
) -> float:
    """The mean below which a dropped prediction is best called a distractor: highest balanced accuracy."""
    usual = mean_inliers * SEED_RATIO
    if is_distractor is None:
        return usual
    distractors = mean[dropped & is_distractor & ~np.isnan(mean)]
    wrong = mean[dropped & ~is_distractor & ~np.isnan(mean)]
    if not len(distractors) or not len(wrong):
        return usual
    cuts = boundaries(np.concatenate([distractors, wrong]), whole=False)
    cuts = np.append(cuts[cuts < mean_inliers], mean_inliers)
    accuracy = [(distractors < cut).mean() + (wrong >= cut).mean() for cut in cuts]
    best = np.flatnonzero(np.isclose(accuracy, np.max(accuracy)))
    return float(cuts[best[len(best) // 2]])
