"""Predictions beside the truth, matched once: what every score of a predictions file is computed from."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from tfland.metrics.gap import Truth, kaggle_order, relevance
from tfrecords_builder.schema import NO_LANDMARK_ID


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


@dataclass(frozen=True, kw_only=True)
class Judged:
    """Predictions and whether they are right, in ranking order.

    Attributes:
        queries: [Q] str, all queries that are scored.
        shown: [Q] int64, the landmark of each query, NO_LANDMARK_ID for a distractor. Of several it is the predicted
            one if that is among them, else the smallest: one prediction can hit one landmark.
        rows: [N] int64, the query (a place in `queries`) of each prediction, best first.
        landmark_ids: [N] int64, what is predicted.
        scores: [N] float64, falling.
        right: [N] bool.
    """

    queries: np.ndarray
    shown: np.ndarray
    rows: np.ndarray
    landmark_ids: np.ndarray
    scores: np.ndarray
    right: np.ndarray

    @property
    def shows(self) -> np.ndarray:
        """[Q] bool, whether the query shows a landmark."""
        return self.shown != NO_LANDMARK_ID

    @property
    def num_landmark_queries(self) -> int:
        """M, the number of queries that show a landmark."""
        return int(np.count_nonzero(self.shows))

    @property
    def predicted(self) -> np.ndarray:
        """[Q] int64, the landmark predicted for each query, NO_LANDMARK_ID where there is no prediction."""
        return self.of_queries(self.landmark_ids, NO_LANDMARK_ID)

    def of_queries(self, values: np.ndarray, missing: float) -> np.ndarray:
        """Returns [Q], a value of the predictions for each query.

        Args:
            values: [N].
            missing: stands where a query has no prediction.
        """
        spread = np.full(len(self.queries), missing, dtype=values.dtype)
        spread[self.rows] = values
        return spread

    def part(self, chosen: np.ndarray) -> "Judged":
        """Returns the same for some of the queries, and their predictions.

        Args:
            chosen: [Q] bool.
        """
        places = np.cumsum(chosen) - 1
        kept = chosen[self.rows]
        return replace(
            self,
            queries=self.queries[chosen],
            shown=self.shown[chosen],
            rows=places[self.rows[kept]],
            landmark_ids=self.landmark_ids[kept],
            scores=self.scores[kept],
            right=self.right[kept],
        )


def judge(predictions: Predictions, truth: Truth) -> Judged:
    """Returns predictions matched with the truth.

    Args:
        predictions: at most one a query.
        truth: for every scored query the landmarks it shows.

    Raises:
        ValueError: a repeated or unknown id, a score that is NaN, or arrays of different lengths.
    """
    right = relevance(predictions.ids, predictions.landmark_ids, truth)
    order = kaggle_order(predictions.ids, predictions.landmark_ids, predictions.scores)
    row_of = {query: row for row, query in enumerate(truth)}
    rows = np.fromiter(map(row_of.__getitem__, predictions.ids.tolist()), dtype=np.int64, count=len(right))[order]
    marks = np.asarray(predictions.landmark_ids).astype(np.int64)[order]
    right = right[order]
    shown = smallest_landmarks(truth)
    shown[rows[right]] = marks[right]
    return Judged(
        queries=np.array(list(truth), dtype=object),
        shown=shown,
        rows=rows,
        landmark_ids=marks,
        scores=np.asarray(predictions.scores, dtype=np.float64)[order],
        right=right,
    )


def smallest_landmarks(truth: Mapping[str, frozenset[int]]) -> np.ndarray:
    """Returns [Q] int64: the smallest landmark that each query shows, NO_LANDMARK_ID where it shows none."""
    marks = (min(landmarks, default=NO_LANDMARK_ID) for landmarks in truth.values())
    return np.fromiter(marks, dtype=np.int64, count=len(truth))
