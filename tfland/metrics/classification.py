"""Precision, recall and F1 of every landmark and their averages, and which landmarks are taken for which.

Source: seed 002, section 4.3, equations (3) to (5): TP / (TP + FP), TP / (TP + FN) and their harmonic mean, for each
class. As for GAP there are two readings of a false positive: any prediction of the landmark on a query that does not
show it, or only those on queries that show another one (`without_distractors`). Without distractors both are the same.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from tfland.metrics.judged import Judged
from tfrecords_builder.schema import LANDMARK, NO_LANDMARK_ID


@dataclass(frozen=True, kw_only=True)
class ClassScores:
    """Counts of every landmark that a query shows or that is predicted, and what follows from them.

    Attributes:
        landmark_ids: [C] int64, ascending.
        queries: [C] int64, queries that show the landmark (TP + FN).
        predicted: [C] int64, predictions of it on queries that show a landmark.
        on_distractors: [C] int64, predictions of it on queries that show none.
        right: [C] int64, TP.
    """

    landmark_ids: np.ndarray
    queries: np.ndarray
    predicted: np.ndarray
    on_distractors: np.ndarray
    right: np.ndarray

    @property
    def recall(self) -> np.ndarray:
        """[C] float64; 0 for a landmark that no query shows."""
        return _ratio(self.right, self.queries)

    def precision(self, *, without_distractors: bool = False) -> np.ndarray:
        """Returns [C] float64; 0 for a landmark that is never predicted."""
        return _ratio(self.right, self._positives(without_distractors))

    def f1(self, *, without_distractors: bool = False) -> np.ndarray:
        """Returns [C] float64: 2 TP / (2 TP + FP + FN), which is 0 where precision and recall are."""
        return _ratio(2 * self.right, self._positives(without_distractors) + self.queries)

    def averages(self, *, without_distractors: bool = False) -> dict[str, float]:
        """Returns precision, recall and F1, each as macro, weighted and micro average.

        Macro and weighted (by queries) average the landmarks that at least one query shows; micro counts all
        predictions and all queries with a landmark together, so that its recall is top-1.

        Raises:
            ValueError: no query shows a landmark.
        """
        shown = self.queries > 0
        if not shown.any():
            raise ValueError("no query of the solution shows a landmark, so there is no class to average")
        figures = {
            "precision": self.precision(without_distractors=without_distractors),
            "recall": self.recall,
            "f1": self.f1(without_distractors=without_distractors),
        }
        weights = self.queries[shown] / self.queries.sum()
        found: dict[str, float] = {}
        for name, values in figures.items():
            found[f"{name}_macro"] = float(values[shown].mean())
            found[f"{name}_weighted"] = float(values[shown] @ weights)
        positives, right, queries = self._positives(without_distractors).sum(), self.right.sum(), self.queries.sum()
        found["precision_micro"] = float(right / max(positives, 1))
        found["recall_micro"] = float(right / queries)
        found["f1_micro"] = float(2 * right / (positives + queries))
        return found

    def table(self) -> pd.DataFrame:
        """Returns one row a landmark, those that most queries show first."""
        columns = {
            LANDMARK: self.landmark_ids,
            "queries": self.queries,
            "predicted": self.predicted,
            "on_distractors": self.on_distractors,
            "right": self.right,
            "precision": self.precision(),
            "recall": self.recall,
            "f1": self.f1(),
            "precision_without_distractors": self.precision(without_distractors=True),
            "f1_without_distractors": self.f1(without_distractors=True),
        }
        order = np.argsort(-self.queries, kind="stable")
        return pd.DataFrame({name: values[order] for name, values in columns.items()})

    def _positives(self, without_distractors: bool) -> np.ndarray:
        return self.predicted if without_distractors else self.predicted + self.on_distractors


def class_scores(judged: Judged) -> ClassScores:
    """Returns the counts of every landmark that occurs."""
    shows, predicted = judged.shows, judged.predicted
    made = predicted != NO_LANDMARK_ID
    marks, places = np.unique(np.concatenate([judged.shown[shows], predicted[made]]), return_inverse=True)
    of_shown, of_predicted = np.split(places, [int(shows.sum())])

    def count(which: np.ndarray) -> np.ndarray:
        return np.bincount(which, minlength=len(marks))

    return ClassScores(
        landmark_ids=marks,
        queries=count(of_shown),
        predicted=count(of_predicted[shows[made]]),
        on_distractors=count(of_predicted[~shows[made]]),
        right=count(of_predicted[judged.shown[made] == predicted[made]]),
    )


def confusions(judged: Judged) -> pd.DataFrame:
    """Returns which landmark was taken for which other one how often, the largest number first.

    Returns:
        Columns landmark_id (shown), predicted_id, queries, and share (of the queries that show landmark_id).
    """
    predicted = judged.predicted
    wrong = judged.shows & (predicted != NO_LANDMARK_ID) & (predicted != judged.shown)
    shown, taken = judged.shown[wrong], predicted[wrong]
    marks, places = np.unique(np.concatenate([shown, taken]), return_inverse=True)
    first, second = np.split(places, 2)
    pairs, counts = np.unique(first * max(len(marks), 1) + second, return_counts=True)
    pairs, counts = (values[np.argsort(-counts, kind="stable")] for values in (pairs, counts))
    left, right = marks[pairs // max(len(marks), 1)], marks[pairs % max(len(marks), 1)]
    classes, sizes = np.unique(judged.shown, return_counts=True)
    share = counts / sizes[np.searchsorted(classes, left)]
    return pd.DataFrame({LANDMARK: left, "predicted_id": right, "queries": counts, "share": share})


def confusion_matrix(judged: Judged, landmark_ids: np.ndarray) -> np.ndarray:
    """Returns [K + 1, K + 2] int64: rows what a query shows, columns what was predicted.

    Args:
        judged: the predictions.
        landmark_ids: [K] int, the landmarks of the first K rows and columns. The last row is "no landmark"; the two
            last columns are "another landmark" and "nothing". Queries that show a landmark not listed are left out.
    """
    rows = _places(landmark_ids, judged.shown, other=-1)
    columns = _places(landmark_ids, judged.predicted, other=len(landmark_ids))
    columns[judged.predicted == NO_LANDMARK_ID] = len(landmark_ids) + 1
    rows[~judged.shows] = len(landmark_ids)
    width = len(landmark_ids) + 2
    listed = rows >= 0
    cells = np.bincount(rows[listed] * width + columns[listed], minlength=(len(landmark_ids) + 1) * width)
    return cells.reshape(len(landmark_ids) + 1, width)


def _places(landmark_ids: np.ndarray, marks: np.ndarray, *, other: int) -> np.ndarray:
    """Returns the place of each mark in landmark_ids, `other` where it is not there."""
    if not len(landmark_ids):
        return np.full(len(marks), other, dtype=np.int64)
    order = np.argsort(landmark_ids)
    found = np.minimum(np.searchsorted(landmark_ids, marks, sorter=order), len(landmark_ids) - 1)
    places = order[found]
    return np.where(np.asarray(landmark_ids)[places] == marks, places, other)


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    return above / np.maximum(below, 1)
