"""The scores of a predictions file against a solution, and of a verified one."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from delf_verify.decision import Verdict
from delf_verify.verified_files import read_verified
from tfland.metrics.bootstrap import Predictions
from tfland.metrics.gap import Truth, average_precision, count_landmark_queries, gap, kaggle_order, relevance
from tfrecords_builder import catalog, schema

IGNORED = "Ignored"
# What the decision rule drops. `unverified` keeps its score: nothing spoke against it.
DROPPED = (Verdict.DISTRACTOR, Verdict.WRONG)


def truth_of(solution: pd.DataFrame) -> dict[str, frozenset[int]]:
    """Returns for every scored query the landmarks it shows; rows whose Usage is Ignored are left out.

    Args:
        solution: as `tfrecords_builder.catalog.read_solution` returns it.
    """
    scored = solution[solution["usage"] != IGNORED]
    return {query: frozenset(marks) for query, marks in zip(scored[schema.ID], scored["landmarks"], strict=True)}


def predictions_of(table: pd.DataFrame, truth: Truth, *, ignored: frozenset[str] = frozenset()) -> Predictions:
    """Returns the rows that predict something, without those of ignored queries.

    Args:
        table: columns id, landmark_id and score; a row without a landmark has landmark_id -1.
        truth: the scored queries; an id that is neither there nor ignored is an error, raised when it is scored.
        ignored: queries of the solution that are not scored.
    """
    made = table[table[schema.LANDMARK] != schema.NO_LANDMARK_LABEL]
    made = made[~made[schema.ID].isin(ignored)] if ignored else made
    return Predictions(
        ids=made[schema.ID].to_numpy(dtype=object),
        landmark_ids=made[schema.LANDMARK].to_numpy(dtype=np.int64),
        scores=made[schema.SCORE].to_numpy(dtype=np.float64),
    )


def score(predictions: Predictions, truth: Truth) -> dict[str, float]:
    """Returns GAP with and without distractors, top-1 and the counts behind them.

    `gap_without_distractors` scores only the queries that show a landmark; `top1` is the share of those whose
    prediction is right.

    Raises:
        ValueError: as for `tfland.metrics.gap.gap`.
    """
    right = relevance(predictions.ids, predictions.landmark_ids, truth)
    shows = np.array([bool(truth[query]) for query in predictions.ids.tolist()], dtype=bool)
    num_landmark_queries = count_landmark_queries(truth)
    return {
        "gap": gap(predictions.ids, predictions.landmark_ids, predictions.scores, truth),
        "gap_without_distractors": _gap_of_rows(predictions, right, shows, num_landmark_queries),
        "top1": float(right.sum() / num_landmark_queries),
        "queries": len(truth),
        "landmark_queries": num_landmark_queries,
        "predictions": len(predictions.ids),
        "right": int(right.sum()),
    }


def kept(verified: pd.DataFrame) -> pd.DataFrame:
    """Returns the rows of verified.csv that the decision rule leaves standing: confirmed and unverified ones."""
    return verified[~verified["verdict"].isin([str(verdict) for verdict in DROPPED])]


def score_verified(verified: pd.DataFrame, truth: Truth, *, ignored: frozenset[str] = frozenset()) -> dict[str, float]:
    """Returns GAP before and after verification and what the rule rejected and kept.

    `distractors_rejected` is the share of predictions for distractor queries that were dropped, `true_kept` the share
    of right predictions that were not.

    Args:
        verified: the table of verified.csv.
        truth: for every query the landmarks it shows.
        ignored: queries of the solution that are not scored.
    """
    before, after = (predictions_of(table, truth, ignored=ignored) for table in (verified, kept(verified)))
    right = relevance(before.ids, before.landmark_ids, truth)
    stays = np.isin(before.ids.astype(str), after.ids.astype(str))
    shows = np.array([bool(truth[query]) for query in before.ids.tolist()], dtype=bool)
    return {
        "gap_classifier": gap(before.ids, before.landmark_ids, before.scores, truth),
        "gap_verified": gap(after.ids, after.landmark_ids, after.scores, truth),
        "distractors_rejected": _share(~stays[~shows]),
        "true_kept": _share(stays[right]),
        "self_verified_gap": self_verified_gap(verified),
    }


def self_verified_gap(verified: pd.DataFrame) -> float:
    """Returns the GAP of seed 003 (section 3.1), in which the verifier's verdict stands in for the missing labels.

    rel(i) is 1 where the verdict is `confirmed`; predictions judged distractors are left out, and M counts the
    rest. It says how sure the verifier is of itself, not how right anybody is: 0 where nothing is left.
    """
    rows = verified[verified["verdict"] != str(Verdict.DISTRACTOR)]
    rows = rows[rows[schema.LANDMARK] != schema.NO_LANDMARK_LABEL]
    if rows.empty:
        return 0.0
    marks, ids = rows[schema.LANDMARK].to_numpy(np.int64), rows[schema.ID].to_numpy(object)
    order = kaggle_order(ids, marks, rows[schema.SCORE].to_numpy(np.float64))
    confirmed = (rows["verdict"] == str(Verdict.CONFIRMED)).to_numpy()
    return average_precision(confirmed[order], len(rows))


def score_files(predictions: Path | None, solution: Path | None, verified: Path | None) -> Mapping[str, float]:
    """Returns the scores of the files given: of predictions, of a verified table, or of both.

    Args:
        predictions: a submission (`id,landmarks`); needs the solution.
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
    truth = truth_of(answers)
    ignored = frozenset(answers.loc[answers["usage"] == IGNORED, schema.ID])
    scores: dict[str, float] = {}
    if predictions is not None:
        scores |= score(predictions_of(catalog.read_submission(predictions), truth, ignored=ignored), truth)
    if table is not None:
        scores |= score_verified(table, truth, ignored=ignored)
    return scores


def _gap_of_rows(predictions: Predictions, right: np.ndarray, rows: np.ndarray, num_landmark_queries: int) -> float:
    parts = (predictions.ids[rows], predictions.landmark_ids[rows], predictions.scores[rows])
    return average_precision(right[rows][kaggle_order(*parts)], num_landmark_queries)


def _share(hits: np.ndarray) -> float:
    """Returns the mean of a boolean array; 1 for an empty one, since nothing was missed."""
    return float(hits.mean()) if len(hits) else 1.0
