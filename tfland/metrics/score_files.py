"""Files to score: submissions, candidates, verified tables and class sizes."""

from collections.abc import Mapping
from dataclasses import dataclass
from operator import contains
from pathlib import Path

import numpy as np
import pandas as pd

from delf_verify.verified_files import read_verified
from tfland.metrics.gap import Truth, count_landmark_queries
from tfland.metrics.judged import Judged, judge
from tfland.metrics.scores import (
    IGNORED,
    predictions_of,
    score_judged,
    score_verified,
    self_verified_gap,
    truth_of,
    usages_of,
)
from tfrecords_builder import catalog, schema
from tfrecords_builder.csv_table import read_header
from tfrecords_builder.labels import read_labels

TOP = 5


@dataclass(frozen=True, kw_only=True)
class Scored:
    """A predictions file beside its solution.

    Attributes:
        judged: its predictions.
        usages: [Q] str, the Usage of each of their queries.
        figures: the scores.
    """

    judged: Judged
    usages: np.ndarray
    figures: dict[str, float]


def score_files(predictions: Path | None, solution: Path | None, verified: Path | None) -> Mapping[str, float]:
    """Returns the scores of the files given: of predictions, of a verified table, or of both.

    Args:
        predictions: as for `load_scored`; needs the solution.
        solution: `id,landmarks,Usage`; without it only the self-verified GAP can be told.
        verified: folder of `tfland verify`.

    Raises:
        ValueError: neither predictions nor verified were given, or predictions without a solution, or as for `gap`.
        OSError: a file is missing.
    """
    if predictions is None and verified is None:
        raise ValueError("nothing to score: give --predictions CSV, --verified DIR or both")
    if predictions is not None and solution is None:
        raise ValueError("--predictions needs --solution CSV to compare with")
    table = None if verified is None else read_verified(verified)
    if solution is None:
        return {} if table is None else {"self_verified_gap": self_verified_gap(table)}
    answers = catalog.read_solution(solution)
    scores: dict[str, float] = {}
    if predictions is not None:
        scores |= load_scored(predictions, answers).figures
    if table is not None:
        scores |= score_verified(table, truth_of(answers), ignored=_ignored(answers))
    return scores


def load_scored(predictions: Path, solution: pd.DataFrame) -> Scored:
    """Returns the scores of a predictions file; candidates have "top5" too.

    Args:
        predictions: a submission (`id,landmarks`) or candidates (`id,landmark_id,score`, several rows a query), of
            which the best one is the prediction.
        solution: as `tfrecords_builder.catalog.read_solution` returns it.

    Raises:
        OSError: the file is missing.
        ValueError: it is not of these forms, or as for `tfland.metrics.gap.gap`.
    """
    truth, usages, ignored = truth_of(solution), usages_of(solution), _ignored(solution)
    header = read_header(predictions)
    if schema.LANDMARKS in header:
        judged = judge(predictions_of(catalog.read_submission(predictions), truth, ignored=ignored), truth)
        return Scored(judged=judged, usages=usages, figures=score_judged(judged, usages))
    if schema.LANDMARK not in header:
        raise ValueError(
            f"{predictions}: its header is {','.join(header)}; expected id,landmarks or id,landmark_id,score"
        )
    candidates = best_first(catalog.read_candidates(predictions))
    judged = judge(predictions_of(candidates.drop_duplicates(schema.ID), truth, ignored=ignored), truth)
    figures = score_judged(judged, usages)
    known = candidates[~candidates[schema.ID].isin(ignored)] if ignored else candidates
    return Scored(judged=judged, usages=usages, figures=figures | {f"top{TOP}": top_share(known, truth, TOP)})


def best_first(candidates: pd.DataFrame) -> pd.DataFrame:
    """Returns candidates grouped by query, each query's best one first; of equal scores the smaller landmark.

    Args:
        candidates: columns id, landmark_id and score.
    """
    rows, _ = pd.factorize(candidates[schema.ID])
    marks, scores = candidates[schema.LANDMARK].to_numpy(np.int64), candidates[schema.SCORE].to_numpy(np.float64)
    falls = (scores[1:] < scores[:-1]) | ((scores[1:] == scores[:-1]) & (marks[1:] > marks[:-1]))
    if np.where(rows[1:] == rows[:-1], falls, rows[1:] > rows[:-1]).all():
        # As `tfland predict` writes them.
        return candidates
    return candidates.iloc[np.lexsort((marks, -scores, rows))]


def top_share(candidates: pd.DataFrame, truth: Truth, count: int) -> float:
    """Returns the share of the queries with a landmark that have a right one among their best candidates.

    Args:
        candidates: of `best_first`.
        truth: for every query the landmarks it shows.
        count: candidates of a query that are looked at.

    Raises:
        ValueError: a candidate's query is not in the truth.
    """
    ids = candidates[schema.ID].to_numpy(dtype=object)
    rows, _ = pd.factorize(ids)
    starts = np.searchsorted(rows, np.arange(rows.max(initial=-1) + 1))
    looked_at = np.arange(len(rows)) - starts[rows] < count
    marks = candidates[schema.LANDMARK].to_numpy(np.int64)[looked_at].tolist()
    try:
        shown = [truth[query] for query in ids[looked_at].tolist()]
    except KeyError as error:
        raise ValueError(f"query {error} is not in the solution: candidates and solution belong together") from None
    right = np.fromiter(map(contains, shown, marks), dtype=bool, count=len(marks))
    return len(np.unique(rows[looked_at][right])) / count_landmark_queries(truth)


def read_class_sizes(path: Path) -> pd.Series:
    """Returns how many training photographs every landmark has: int64, indexed by landmark.

    Args:
        path: labels.csv of a build or a model, or photographs with their landmarks (train.csv).

    Raises:
        OSError: the file cannot be read.
        ValueError: it is of neither form, or no photograph has a landmark.
    """
    if schema.CLASS_INDEX in read_header(path):
        labels = read_labels(path)
        return pd.Series(labels.images, index=labels.landmark_ids)
    marks = catalog.read_photographs(path)[schema.LANDMARK]
    marks = marks[marks != schema.NO_LANDMARK_ID]
    if marks.empty:
        raise ValueError(f"{path} names no landmark: give labels.csv or train.csv (id,landmark_id) for class sizes")
    return marks.value_counts()


def _ignored(solution: pd.DataFrame) -> frozenset[str]:
    return frozenset(solution.loc[solution["usage"] == IGNORED, schema.ID])
