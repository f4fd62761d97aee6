"""What thresholds are tuned for: an objective under a floor, or recall (precision) at a wanted precision (recall)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from delf_verify.threshold_grid import BoolArray, FloatArray, ThresholdGrid
from tfrecords_builder.terminal import CheckFailed

Objective = Callable[[BoolArray], float]
Interval = tuple[float, float]

# Only the best pairs are looked at again under resampling.
_MAX_FINALISTS = 200
# The floor must hold on the sample, and a little below it with confidence: the thresholds chosen on few queries just
# meet the floor there and fall through it on the next sample. On landmarks15, 60 random halves of its queries (about 92
# true predictions each, floor 0.95), the other half kept less than 0.90 in 10 of 60 with (0.05, 1.64), in 2 with these.
_CONFIDENT_MARGIN = 0.04
_Z_975 = 1.96
# A threshold that just meets a wish falls short of it on every other new sample; by this much it still counts as met.
_RATE_MARGIN = 0.02
_BOOTSTRAPS = 1000


@dataclass(frozen=True, kw_only=True)
class Figures:
    """How good a rule is on a sample.

    Attributes:
        name: of the objective.
        objective: its value.
        interval: central 95 % of its bootstrap distribution over the independent units; None where not computed.
        precision: share of the true among the kept; NaN where nothing is kept.
        precision_low: its lower 97.5 % confidence limit (Wilson 1927); NaN likewise.
        true_kept: share of the true that are kept, the recall.
        false_kept: share of the false that are kept.
        rows: size of the sample.
    """

    name: str
    objective: float
    interval: Interval | None
    precision: float
    precision_low: float
    true_kept: float
    false_kept: float
    rows: int


class Aim(Protocol):
    """What a rule is tuned for."""

    @property
    def name(self) -> str:
        """Of the objective."""
        ...

    @property
    def keeps_unknown(self) -> bool:
        """Whether what could not be compared is kept."""
        ...

    def choose(self, grid: ThresholdGrid, rows: BoolArray, *, strict: bool) -> tuple[int, pd.DataFrame]:
        """The best pair of a grid over the sample's `rows`, and the sweep with the columns objective and allowed.

        Args:
            grid: [rows.sum()] predictions.
            rows: [N] bool, which ones of the whole sample.
            strict: whether to raise where no pair meets the wish, or to take the one that comes nearest.
        """
        ...

    def figures(self, kept: BoolArray, rows: BoolArray) -> Figures:
        """How good it is to keep `kept` [N] of the sample's `rows` [N]."""
        ...

    def merit(self, held_out: Figures) -> tuple[bool, float]:
        """Of two rules the one with the greater merit decides: first whether the wish is met, then the objective."""
        ...


@dataclass(frozen=True, eq=False, kw_only=True)
class ObjectiveAim:
    """The highest objective while most true predictions stay.

    Among the candidates that meet the floor, the objective is averaged over random half-samples of the predictions
    (half-sampling, Politis, Romano & Wolf 1999: the spread over halves estimates the sampling error of the whole).
    Every candidate within one standard error of the best belongs to the plateau, and the one in its middle is chosen.
    What could not be compared is kept.

    Attributes:
        objective: maps a mask [N] of the predictions kept to a number; higher is better. It must accept any mask.
        is_true: [N] bool.
        min_true_kept: floor of the share of true predictions that stay.
        name: of the objective.
        resamples: number of half-samples.
        seed: reaches every draw.
        interval: maps the masks [N] of the kept and of the sample to an interval of the objective.
    """

    objective: Objective
    is_true: BoolArray
    min_true_kept: float = 0.95
    name: str = "objective"
    resamples: int = 50
    seed: int = 0
    interval: Callable[[BoolArray, BoolArray], Interval] | None = None
    keeps_unknown: bool = True

    def __post_init__(self) -> None:
        if not 0 < self.min_true_kept <= 1:
            raise ValueError(f"min_true_kept={self.min_true_kept}: give a share in (0, 1], such as 0.95")
        if self.resamples < 2:
            raise ValueError(f"resamples={self.resamples}: give at least 2")

    def choose(self, grid: ThresholdGrid, rows: BoolArray, *, strict: bool) -> tuple[int, pd.DataFrame]:
        """See `Aim`; some candidate keeps everything, so that the floor can always be met."""
        is_true = self.is_true[rows]
        objective = self._within(rows)
        table = grid.sweep(is_true)
        # Neighbours often keep the same predictions.
        known: dict[bytes, float] = {}
        values = np.empty(len(grid))
        for pair in range(len(grid)):
            kept = grid.kept(pair)
            key = np.packbits(kept).tobytes()
            if key not in known:
                known[key] = objective(kept)
            values[pair] = known[key]
        table["objective"] = values
        table["allowed"] = _floor_holds(table["num_true"].to_numpy(), int(is_true.sum()), self.min_true_kept)
        table["resampled"] = np.nan
        return self._middle_of_plateau(grid, table, objective), table

    def _within(self, rows: BoolArray) -> Objective:
        places = np.flatnonzero(rows)

        def objective(kept: BoolArray) -> float:
            mask = np.zeros(len(rows), dtype=bool)
            mask[places[kept]] = True
            return float(self.objective(mask))

        return objective

    def _middle_of_plateau(self, grid: ThresholdGrid, table: pd.DataFrame, objective: Objective) -> int:
        allowed = np.flatnonzero(table["allowed"].to_numpy())
        finalists = allowed[np.argsort(-table["objective"].to_numpy()[allowed], kind="stable")[:_MAX_FINALISTS]]
        num_rows = grid.above_first.shape[1]
        generator = np.random.default_rng([self.seed, num_rows])
        halves = np.argsort(generator.random((self.resamples, num_rows)), axis=1) < (num_rows + 1) // 2
        values = np.array([[objective(grid.kept(pair) & half) for half in halves] for pair in finalists])
        table.loc[finalists, "resampled"] = values.mean(axis=1)
        behind = values[np.argmax(values.mean(axis=1))] - values
        plateau = finalists[behind.mean(axis=1) <= behind.std(axis=1) + 1e-12]
        places = np.array([grid.place(pair) for pair in plateau], dtype=np.float64)
        distance = np.linalg.norm(places - places.mean(axis=0), axis=1).round(9)
        # Of two equally central pairs the one that keeps more true predictions.
        return int(plateau[np.lexsort((plateau, -table["true_kept"].to_numpy()[plateau], distance))[0]])

    def figures(self, kept: BoolArray, rows: BoolArray) -> Figures:
        """See `Aim`."""
        interval = None if self.interval is None else self.interval(kept & rows, rows)
        return _figures(self.name, float(self.objective(kept & rows)), interval, kept[rows], self.is_true[rows])

    def merit(self, held_out: Figures) -> tuple[bool, float]:
        """See `Aim`."""
        return held_out.true_kept >= self.min_true_kept - _CONFIDENT_MARGIN, held_out.objective


@dataclass(frozen=True, eq=False, kw_only=True)
class RateAim:
    """The highest recall at a wanted precision, or the highest precision at a wanted recall.

    What could not be compared is not confirmed; if it is true it counts against the recall.

    Attributes:
        is_true: [N] bool.
        precision: wanted share of the true among the confirmed, in (0, 1].
        recall: wanted share of the true that are confirmed, in (0, 1]; exactly one of both is given.
        units: [N, 2] int, the independent units (queries, places) that each row belongs to, for the intervals; both
            numbers are equal where a row has one unit. None: every row is its own.
        seed: reaches every draw of the intervals.
    """

    is_true: BoolArray
    precision: float | None = None
    recall: float | None = None
    units: NDArray[np.int64] | None = None
    seed: int = 0
    keeps_unknown: bool = False

    def __post_init__(self) -> None:
        wish = self.precision if self.precision is not None else self.recall
        if wish is None or (self.precision is not None and self.recall is not None) or not 0 < wish <= 1:
            raise ValueError(
                f"give either precision or recall in (0, 1], got precision={self.precision}, recall={self.recall}"
            )
        if self.is_true.all() or not self.is_true.any():
            raise ValueError(
                f"{len(self.is_true)} labelled rows of one kind only: tuning needs both kinds, same and different, "
                "right and wrong"
            )

    @property
    def name(self) -> str:
        """Of the objective: what is not the wish."""
        return "recall" if self.precision is not None else "precision"

    def choose(self, grid: ThresholdGrid, rows: BoolArray, *, strict: bool) -> tuple[int, pd.DataFrame]:
        """See `Aim`.

        Raises:
            CheckFailed: no candidate reaches the precision, and `strict`.
        """
        table = grid.sweep(self.is_true[rows])
        precision, recall = table["precision"].to_numpy(), table["true_kept"].to_numpy()
        wanted, gained = (precision, recall) if self.precision is not None else (recall, precision)
        wish = float(self.precision or self.recall or 0.0)
        good = (wanted >= wish) & (table["num_true"].to_numpy() > 0)
        if not good.any():
            if strict:
                raise CheckFailed(
                    f"no threshold reaches precision {wish}: the best is {precision.max():.3f}; "
                    "ask for less or use better features"
                )
            good = wanted == wanted.max()
        table = table.assign(objective=gained, allowed=good)
        # Of equals the more precise, then the one in the middle: it is farthest from both kinds.
        candidates = np.flatnonzero(good)
        order = np.lexsort((-wanted[candidates], -gained[candidates]))
        best = candidates[order[0]]
        ties = candidates[(gained[candidates] == gained[best]) & (wanted[candidates] == wanted[best])]
        return int(ties[(len(ties) - 1) // 2]), table

    def figures(self, kept: BoolArray, rows: BoolArray) -> Figures:
        """See `Aim`; the intervals draw the units with replacement (Owen 2007 for rows of two units)."""
        objective = self._rate(kept, self.is_true, rows.astype(np.float64))
        draws = [self._rate(kept, self.is_true, weights) for weights in self._weights(rows)]
        known = np.array(draws)[~np.isnan(draws)]
        interval = (float(np.quantile(known, 0.025)), float(np.quantile(known, 0.975))) if len(known) else None
        return _figures(self.name, objective, interval, kept[rows], self.is_true[rows])

    def merit(self, held_out: Figures) -> tuple[bool, float]:
        """See `Aim`."""
        if self.precision is not None:
            return held_out.precision >= self.precision - _RATE_MARGIN, held_out.objective
        return held_out.true_kept >= float(self.recall or 0.0) - _RATE_MARGIN, held_out.objective

    def _rate(self, kept: BoolArray, is_true: BoolArray, weights: FloatArray) -> float:
        right = float(weights[kept & is_true].sum())
        of = float(weights[is_true if self.precision is not None else kept].sum())
        return right / of if of else float("nan")

    def _weights(self, rows: BoolArray) -> Iterator[FloatArray]:
        units = np.repeat(np.arange(len(rows))[:, None], 2, axis=1) if self.units is None else self.units
        seen, places = np.unique(units[rows], return_inverse=True)
        places = places.reshape(-1, 2)
        generator = np.random.default_rng([self.seed, len(seen), 1])
        double = places[:, 0] != places[:, 1]
        for _ in range(_BOOTSTRAPS):
            times = np.bincount(generator.integers(0, len(seen), len(seen)), minlength=len(seen))
            weights = np.zeros(len(rows))
            weights[rows] = times[places[:, 0]] * np.where(double, times[places[:, 1]], 1)
            yield weights


def wilson_low(hits: NDArray[np.int64], total: NDArray[np.int64] | int) -> FloatArray:
    """Lower 97.5 % confidence limit of shares hits / total (Wilson 1927, https://doi.org/10.2307/2276774)."""
    share, z = hits / total, _Z_975
    spread = z * np.sqrt(share * (1 - share) / total + z**2 / (4 * total**2))
    return np.asarray((share + z**2 / (2 * total) - spread) / (1 + z**2 / total), dtype=np.float64)


def _floor_holds(num_kept: NDArray[np.int64], num_true: int, min_true_kept: float) -> BoolArray:
    """Whether enough true predictions stay: on the sample, and with confidence (Wilson 1927) a little below it."""
    confident = min(min_true_kept - _CONFIDENT_MARGIN, float(wilson_low(np.array([num_true]), num_true)[0]))
    return (num_kept / num_true >= min_true_kept) & (wilson_low(num_kept, num_true) >= confident)


def _figures(name: str, objective: float, interval: Interval | None, kept: BoolArray, is_true: BoolArray) -> Figures:
    right, accepted = int((kept & is_true).sum()), int(kept.sum())
    return Figures(
        name=name,
        objective=objective,
        interval=interval,
        precision=right / accepted if accepted else float("nan"),
        precision_low=float(wilson_low(np.array([right]), accepted)[0]) if accepted else float("nan"),
        true_kept=right / max(int(is_true.sum()), 1),
        false_kept=(accepted - right) / max(int((~is_true).sum()), 1),
        rows=len(kept),
    )
