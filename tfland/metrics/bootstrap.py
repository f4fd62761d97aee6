"""How far a score, or the difference of two, could have come out otherwise: a bootstrap over the queries."""

from dataclasses import dataclass

import numpy as np

from tfland.metrics.gap import Truth
from tfland.metrics.judged import Judged, Predictions, judge

RESAMPLES, LEVEL = 2000, 0.95
FIGURES = ("gap", "gap_without_distractors", "top1")


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A figure and the central interval of its bootstrap distribution.

    Attributes:
        value: the figure on all queries.
        low: lower end of the interval.
        high: upper end of the interval.
        level: the interval's probability, for example 0.95.
    """

    value: float
    low: float
    high: float
    level: float


def bootstrap(judged: Judged, *, seed: int, resamples: int = RESAMPLES, level: float = LEVEL) -> dict[str, Interval]:
    """Returns "gap", "gap_without_distractors" and "top1" with their percentile intervals.

    Every resample draws the queries of the solution with replacement (Efron & Tibshirani 1993, chapter 13). A query
    drawn k times counts as k queries of equal score.

    Args:
        judged: the predictions.
        seed: reaches every draw.
        resamples: number of draws.
        level: the intervals' probability.

    Raises:
        ValueError: a level outside (0, 1), fewer than 1 resample, or no query shows a landmark.
    """
    return _intervals([judged], np.array([1.0]), seed=seed, resamples=resamples, level=level)


def paired_bootstrap(
    first: Judged, second: Judged, *, seed: int, resamples: int = RESAMPLES, level: float = LEVEL
) -> dict[str, Interval]:
    """Returns the same figures of `second` minus those of `first`, each resample drawing the same queries for both.

    Args:
        first: the predictions to compare against.
        second: the predictions that should be better.
        seed: reaches every draw.
        resamples: number of draws.
        level: the intervals' probability.

    Raises:
        ValueError: as for `bootstrap`, or the two were judged on different queries.
    """
    if first.queries.tolist() != second.queries.tolist():
        raise ValueError(f"{len(first.queries)} queries against {len(second.queries)} others: judge both on the same")
    return _intervals([first, second], np.array([-1.0, 1.0]), seed=seed, resamples=resamples, level=level)


def paired_bootstrap_gap(
    first: Predictions,
    second: Predictions,
    truth: Truth,
    *,
    seed: int,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
) -> Interval:
    """Returns GAP(second) - GAP(first) with its paired percentile interval, see `paired_bootstrap`.

    Args:
        first: the predictions to compare against.
        second: the predictions that should be better.
        truth: for every query the landmarks it shows.
        seed: reaches every draw.
        resamples: number of draws.
        level: the interval's probability.

    Raises:
        ValueError: as for `tfland.metrics.gap.gap` and `paired_bootstrap`.
    """
    judged = judge(first, truth), judge(second, truth)
    return paired_bootstrap(*judged, seed=seed, resamples=resamples, level=level)["gap"]


class _Ranking:
    """What a resample needs of predictions: the query of each, and where in the ranking the right ones are.

    Args:
        judged: the predictions.
    """

    def __init__(self, judged: Judged) -> None:
        self.shows = judged.shows
        # What is ranked below the last right prediction changes no figure.
        end = int(np.flatnonzero(judged.right)[-1]) + 1 if judged.right.any() else 0
        rows, right = judged.rows[:end], judged.right[:end]
        on_landmarks = self.shows[rows]
        self._parts = (rows, np.flatnonzero(right)), (rows[on_landmarks], np.flatnonzero(right[on_landmarks]))

    def figures(self, times: np.ndarray) -> list[float]:
        """Returns the figures where every query counts `times` [Q] times; NaN where no query shows a landmark."""
        num_landmark_queries = int(times[self.shows].sum())
        if num_landmark_queries == 0:
            return [float("nan")] * 3
        rows, places = self._parts[1]
        hits = int(times[rows[places]].sum())
        sums = [_precision_sum(times[rows], places) for rows, places in self._parts]
        return [value / num_landmark_queries for value in (*sums, hits)]


def _precision_sum(times: np.ndarray, places: np.ndarray) -> float:
    """Returns sum P(i) rel(i) over a ranking in which prediction n occurs times[n] times in a row.

    Args:
        times: [N] int.
        places: [R] int, the right predictions.
    """
    copies = times[places]
    ranks = np.cumsum(times)[places] - copies
    hits = np.cumsum(copies) - copies
    total = 0.0
    for copy in range(1, int(copies.max(initial=0)) + 1):
        there = copies >= copy
        total += float(((hits[there] + copy) / (ranks[there] + copy)).sum())
    return total


def _intervals(
    parts: list[Judged], signs: np.ndarray, *, seed: int, resamples: int, level: float
) -> dict[str, Interval]:
    """Returns the signed sum of the parts' figures, with intervals."""
    if not 0 < level < 1:
        raise ValueError(f"level={level}: give a probability between 0 and 1, such as 0.95")
    if resamples < 1:
        raise ValueError(f"resamples={resamples}: give at least 1")
    if not parts[0].num_landmark_queries:
        raise ValueError("no query of the solution shows a landmark, so GAP is undefined: check the solution file")
    rankings = [_Ranking(part) for part in parts]
    count = len(parts[0].queries)
    generator = np.random.default_rng(seed)

    def combined(times: np.ndarray) -> np.ndarray:
        return signs @ np.array([ranking.figures(times) for ranking in rankings])

    values = combined(np.ones(count, dtype=np.int64))
    draws = np.empty((resamples, len(FIGURES)))
    for number in range(resamples):
        draws[number] = combined(np.bincount(generator.integers(count, size=count), minlength=count))
    tail = (1 - level) / 2
    # A draw without any landmark query has no figures; with real solutions that does not happen.
    lows, highs = np.nanquantile(draws, [tail, 1 - tail], axis=0)
    return {
        name: Interval(value=float(value), low=float(low), high=float(high), level=level)
        for name, value, low, high in zip(FIGURES, values, lows, highs, strict=True)
    }
