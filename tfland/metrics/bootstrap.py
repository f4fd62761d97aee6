"""How far a GAP, or the difference of two, could have come out otherwise: a bootstrap over the queries."""

from dataclasses import dataclass

import numpy as np

from tfland.metrics.gap import Truth, average_precision, kaggle_order, relevance


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


@dataclass(frozen=True, kw_only=True)
class Predictions:
    """At most one prediction a query.

    Attributes:
        ids: [N] str.
        landmark_ids: [N] int.
        scores: [N] float.
    """

    ids: np.ndarray
    landmark_ids: np.ndarray
    scores: np.ndarray


def paired_bootstrap_gap(
    first: Predictions,
    second: Predictions,
    truth: Truth,
    *,
    seed: int,
    resamples: int = 2000,
    level: float = 0.95,
) -> Interval:
    """Returns GAP(second) - GAP(first) with its paired percentile interval.

    Every resample draws the queries of the solution with replacement, the same ones for both sets of predictions
    (Efron & Tibshirani 1993, chapter 13). A query drawn k times counts as k queries of equal score.

    Args:
        first: the predictions to compare against.
        second: the predictions that should be better.
        truth: for every query the landmarks it shows.
        seed: reaches every draw.
        resamples: number of draws.
        level: the interval's probability.

    Raises:
        ValueError: as for `tfland.metrics.gap.gap`, or a level outside (0, 1), or fewer than 1 resample.
    """
    if not 0 < level < 1:
        raise ValueError(f"level={level}: give a probability between 0 and 1, such as 0.95")
    if resamples < 1:
        raise ValueError(f"resamples={resamples}: give at least 1")
    row_of = {query: row for row, query in enumerate(truth)}
    has_landmark = np.array([bool(landmarks) for landmarks in truth.values()])
    ranked_first, ranked_second = (_rank(part, truth, row_of) for part in (first, second))
    generator = np.random.default_rng(seed)
    once = np.ones(len(row_of), dtype=np.int64)
    value = _gap_of(ranked_second, once, has_landmark) - _gap_of(ranked_first, once, has_landmark)
    draws = np.empty(resamples)
    for number in range(resamples):
        times = np.bincount(generator.integers(len(row_of), size=len(row_of)), minlength=len(row_of))
        draws[number] = _gap_of(ranked_second, times, has_landmark) - _gap_of(ranked_first, times, has_landmark)
    tail = (1 - level) / 2
    # A draw without any landmark query has no GAP; with real solutions that does not happen.
    low, high = np.nanquantile(draws, [tail, 1 - tail])
    return Interval(value=float(value), low=float(low), high=float(high), level=level)


def _rank(part: Predictions, truth: Truth, row_of: dict[str, int]) -> tuple[np.ndarray, np.ndarray]:
    """Returns the solution's row and the relevance of each prediction, both in ranking order."""
    right = relevance(part.ids, part.landmark_ids, truth)
    order = kaggle_order(part.ids, part.landmark_ids, part.scores)
    rows = np.array([row_of[query] for query in part.ids.tolist()], dtype=np.int64)
    return rows[order], right[order]


def _gap_of(ranked: tuple[np.ndarray, np.ndarray], times: np.ndarray, has_landmark: np.ndarray) -> float:
    rows, right = ranked
    num_landmark_queries = int(times[has_landmark].sum())
    if num_landmark_queries == 0:
        return float("nan")
    return average_precision(np.repeat(right, times[rows]), num_landmark_queries)
