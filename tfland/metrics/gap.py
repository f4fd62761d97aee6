"""Global Average Precision (GAP, also called micro-AP), the score of the Google Landmark Recognition challenges.

Source: seeds 000 (section 4.1) and 003 (section 3.1):

    GAP = 1/M * sum_i P(i) * rel(i)

over the predictions of all queries, sorted by confidence; P(i) is the precision among the first i, rel(i) is 1 where
the i-th prediction is right and M counts the queries that show a landmark. Ties are ordered as Kaggle does: score
descending, then id ascending, then landmark ascending. An empty prediction is no prediction.
"""

from collections.abc import Mapping
from operator import contains

import numpy as np

from tfland.metrics.text_rank import rank_texts

Truth = Mapping[str, frozenset[int]]


def gap(ids: np.ndarray, landmark_ids: np.ndarray, scores: np.ndarray, truth: Truth) -> float:
    """Returns the Global Average Precision of at most one prediction a query.

    Args:
        ids: [N] str, the queries that have a prediction, each once.
        landmark_ids: [N] int, the predicted landmarks.
        scores: [N] float, confidences; any scale, only their order counts.
        truth: for every query of the solution the landmarks it shows (none for a distractor).

    Returns:
        GAP in [0, 1].

    Raises:
        ValueError: a repeated or unknown id, a score that is not a number, arrays of different lengths, or a truth
            in which no query shows a landmark.
    """
    relevant = relevance(ids, landmark_ids, truth)
    order = kaggle_order(ids, landmark_ids, scores)
    return average_precision(relevant[order], count_landmark_queries(truth))


def count_landmark_queries(truth: Truth) -> int:
    """Returns M, the number of queries that show at least one landmark."""
    return sum(1 for landmarks in truth.values() if landmarks)


def relevance(ids: np.ndarray, landmark_ids: np.ndarray, truth: Truth) -> np.ndarray:
    """Returns [N] bool: whether each query's predicted landmark is one of those that it shows.

    Raises:
        ValueError: a repeated id, an id that the solution lacks, or arrays of different lengths.
    """
    if len(ids) != len(landmark_ids):
        raise ValueError(f"{len(ids)} ids but {len(landmark_ids)} landmarks: every prediction has one of each")
    names = ids.tolist() if isinstance(ids, np.ndarray) else list(ids)
    if len(set(names)) != len(names):
        seen: set[str] = set()
        repeated = next(name for name in names if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise ValueError(f"query {repeated!r} has several predictions: keep the best one")
    try:
        shown = [truth[name] for name in names]
    except KeyError:
        unknown = next(name for name in names if name not in truth)
        raise ValueError(
            f"query {unknown!r} is not in the solution: predictions and solution belong together"
        ) from None
    marks = np.asarray(landmark_ids).astype(np.int64).tolist()
    return np.fromiter(map(contains, shown, marks), dtype=bool, count=len(names))


def kaggle_order(ids: np.ndarray, landmark_ids: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Returns [N] int, the ranking: score descending, then id ascending, then landmark ascending.

    Raises:
        ValueError: a score is NaN, or the arrays differ in length.
    """
    scores = np.asarray(scores, dtype=np.float64)
    if not len(ids) == len(landmark_ids) == len(scores):
        raise ValueError(f"{len(ids)} ids, {len(landmark_ids)} landmarks, {len(scores)} scores: lengths must agree")
    if np.isnan(scores).any():
        raise ValueError(f"the score of query {ids[int(np.isnan(scores).argmax())]!r} is NaN: scores are numbers")
    # Not a stable sort: that takes five times as long, and what is equal is put in order below.
    order = np.argsort(-scores)
    ranked = scores[order]
    same_as_next = np.append(ranked[1:] == ranked[:-1], False)
    tied = same_as_next | np.roll(same_as_next, 1)
    if tied.any():
        # Only rows whose scores are equal pay for the comparison of ids.
        places = np.flatnonzero(tied)
        rows = order[places]
        order[places] = rows[_order_ties(np.asarray(ids)[rows], np.asarray(landmark_ids)[rows], ranked[places])]
    return order


def _order_ties(ids: np.ndarray, landmark_ids: np.ndarray, ranked: np.ndarray) -> np.ndarray:
    """Returns [T] int, the order by score, then id, then landmark.

    Args:
        ids: [T] str.
        landmark_ids: [T] int.
        ranked: [T] float, scores that fall or stay equal.
    """
    groups = np.concatenate([[0], np.cumsum(ranked[1:] != ranked[:-1])]).astype(np.uint64)
    ranks = rank_texts(ids)
    keys = (groups << np.uint64(32)) | ranks
    order = np.argsort(keys)
    ordered = keys[order]
    if np.any(ordered[1:] == ordered[:-1]):
        return np.lexsort((landmark_ids, keys))
    return order


def average_precision(ranked_relevance: np.ndarray, num_landmark_queries: int) -> float:
    """Returns `1/M * sum_i P(i) * rel(i)`.

    Args:
        ranked_relevance: [N] bool, rel(i) in ranking order.
        num_landmark_queries: M.

    Raises:
        ValueError: M is not positive; GAP is undefined then.
    """
    if num_landmark_queries < 1:
        raise ValueError("no query of the solution shows a landmark, so GAP is undefined: check the solution file")
    hits = np.cumsum(ranked_relevance)
    ranks = np.arange(1, len(ranked_relevance) + 1)
    return float(np.sum(hits[ranked_relevance] / ranks[ranked_relevance]) / num_landmark_queries)
