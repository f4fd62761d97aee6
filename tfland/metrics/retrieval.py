"""Scores of retrieval: mAP@100 and precision at rank k, as the Google Landmark Retrieval challenges define them.

    mAP@n = 1/Q * sum_q 1/min(m_q, n) * sum_{k <= n} P_q(k) rel_q(k)

over the Q queries that the solution scores; m_q index photographs show what query q shows, P_q(k) is the precision
among the first k results, rel_q(k) is 1 where the k-th is one of them. Missing results count as wrong ones.
Source: the host's scoring code (tensorflow/models, research/delf, google_landmarks_dataset/metrics.py).
"""

import numpy as np

MAP_AT = 100
PRECISION_AT = (1, 5, 10, 100)


def average_precisions(relevant: np.ndarray, num_relevant: np.ndarray, at: int = MAP_AT) -> np.ndarray:
    """Returns [Q] float64, the average precision of every query, in [0, 1].

    Args:
        relevant: [Q, K] bool, whether the k-th result of a query is right; results that are missing are not.
        num_relevant: [Q] int, m_q, at least 1.
        at: n; results beyond it are not looked at.

    Raises:
        ValueError: no query, a query without a right index photograph, or n below 1.
    """
    _check(relevant, num_relevant, at)
    looked_at = np.asarray(relevant, dtype=bool)[:, :at]
    precision = np.cumsum(looked_at, axis=1) / np.arange(1, looked_at.shape[1] + 1)
    return np.where(looked_at, precision, 0.0).sum(axis=1) / np.minimum(num_relevant, at)


def mean_average_precision(relevant: np.ndarray, num_relevant: np.ndarray, at: int = MAP_AT) -> float:
    """Returns mAP@`at` in [0, 1]; arguments and errors as for `average_precisions`."""
    return float(average_precisions(relevant, num_relevant, at).mean())


def precision_at(relevant: np.ndarray, rank: int) -> float:
    """Returns the mean share of right results among the first `rank`; where there are fewer, the rest are wrong.

    Args:
        relevant: [Q, K] bool.
        rank: k.

    Raises:
        ValueError: no query, or a rank below 1.
    """
    _check(relevant, np.ones(len(relevant)), rank)
    return float(np.asarray(relevant, dtype=bool)[:, :rank].sum(axis=1).mean() / rank)


def retrieval_scores(relevant: np.ndarray, num_relevant: np.ndarray) -> dict[str, float]:
    """Returns "map_at_100", precision at ranks 1, 5, 10 and 100, and the number of queries.

    Args:
        relevant: [Q, K] bool, whether the k-th result of a query is right.
        num_relevant: [Q] int, how many index photographs are right for it.

    Raises:
        ValueError: as for `mean_average_precision`.
    """
    figures: dict[str, float] = {f"map_at_{MAP_AT}": mean_average_precision(relevant, num_relevant)}
    figures |= {f"precision_at_{rank}": precision_at(relevant, rank) for rank in PRECISION_AT}
    return figures | {"queries": len(relevant)}


def same_landmark(
    query_landmarks: np.ndarray, index_landmarks: np.ndarray, results: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Returns which results of a search show the query's landmark, and how many index photographs do.

    Args:
        query_landmarks: [Q] int.
        index_landmarks: [N] int.
        results: [Q, K] int, rows of the index, best first, as `tfland.recognition.search.top_k` returns them.

    Returns:
        relevant [Q, K] bool and num_relevant [Q] int64; leave out queries of which the index has none.
    """
    relevant = index_landmarks[results] == np.asarray(query_landmarks)[:, None]
    marks, counts = np.unique(index_landmarks, return_counts=True)
    places = np.minimum(np.searchsorted(marks, query_landmarks), len(marks) - 1)
    return relevant, np.where(marks[places] == query_landmarks, counts[places], 0)


def _check(relevant: np.ndarray, num_relevant: np.ndarray, at: int) -> None:
    if relevant.ndim != 2 or len(relevant) != len(num_relevant):
        raise ValueError(f"results of shape {relevant.shape} for {len(num_relevant)} queries: give [queries, results]")
    if not len(relevant):
        raise ValueError("no query to score: check the solution file")
    if at < 1:
        raise ValueError(f"rank {at}: give at least 1")
    if np.any(np.asarray(num_relevant) < 1):
        row = int((np.asarray(num_relevant) < 1).argmax())
        raise ValueError(f"query number {row} has no right photograph in the index, so its precision is undefined")
