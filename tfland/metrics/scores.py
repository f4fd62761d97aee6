"""The scores of predictions against a solution, and of verified ones."""

import numpy as np
import pandas as pd

from delf_verify.decision import Verdict
from delf_verify.reranking import rerank
from tfland.metrics.classification import class_scores
from tfland.metrics.gap import Truth, average_precision, gap, kaggle_order, relevance
from tfland.metrics.judged import Judged, Predictions, judge
from tfrecords_builder import schema

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


def usages_of(solution: pd.DataFrame) -> np.ndarray:
    """Returns [Q] str, the Usage of every query of `truth_of`, in its order."""
    return solution.loc[solution["usage"] != IGNORED, "usage"].to_numpy(dtype=object)


def score(predictions: Predictions, truth: Truth) -> dict[str, float]:
    """Returns the figures of `score_judged`.

    Raises:
        ValueError: as for `tfland.metrics.gap.gap`.
    """
    return score_judged(judge(predictions, truth))


def score_judged(judged: Judged, usages: np.ndarray | None = None) -> dict[str, float]:
    """Returns GAP with and without distractors, top-1, the averages of `ClassScores` and the counts behind them.

    `gap_without_distractors` scores only the queries that show a landmark; `top1` is the share of those whose
    prediction is right. The averages come a second time without distractors, where there are any.

    Args:
        judged: the predictions.
        usages: [Q] str; where they differ, GAP, top-1 and queries of each follow, such as "gap_private". A part in
            which no query shows a landmark has none.

    Raises:
        ValueError: no query shows a landmark.
    """
    classes, shows = class_scores(judged), judged.shows
    figures = _ranked_figures(judged)
    figures |= {
        "queries": len(judged.queries),
        "landmark_queries": judged.num_landmark_queries,
        "predictions": len(judged.rows),
        "predictions_on_distractors": int((~shows[judged.rows]).sum()),
        "right": int(judged.right.sum()),
    }
    figures |= classes.averages()
    if not shows.all():
        without = classes.averages(without_distractors=True)
        figures |= {f"{name}_without_distractors": without[name] for name in without if "recall" not in name}
    if usages is not None and len(names := np.unique(usages[shows].astype(str))) > 1:
        for usage in names[::-1]:  # Public before Private, as Kaggle's leaderboards
            part = judged.part(usages == usage)
            found = _ranked_figures(part) | {"queries": len(part.queries)}
            figures |= {f"{name}_{usage.lower()}": value for name, value in found.items()}
    return figures


def kept(verified: pd.DataFrame) -> pd.DataFrame:
    """Returns the rows of verified.csv that the decision rule leaves standing: confirmed and unverified ones."""
    return verified[~verified["verdict"].isin([str(verdict) for verdict in DROPPED])]


def score_verified(verified: pd.DataFrame, truth: Truth, *, ignored: frozenset[str] = frozenset()) -> dict[str, float]:
    """Returns GAP before and after verification and what the rule rejected and kept.

    `distractors_rejected` is the share of predictions for distractor queries that were dropped, `true_kept` the share
    of right predictions that were not. Of several candidates a query the one with the highest score is the prediction
    before, and the one that re-ranking keeps is the prediction after.

    Args:
        verified: the table of verified.csv.
        truth: for every query the landmarks it shows.
        ignored: queries of the solution that are not scored.
    """
    before, after = (predictions_of(table, truth, ignored=ignored) for table in (_best(verified), rerank(verified)))
    right = relevance(before.ids, before.landmark_ids, truth)
    left = set(zip(after.ids.tolist(), after.landmark_ids.tolist(), strict=True))
    keeps = np.array(
        [pair in left for pair in zip(before.ids.tolist(), before.landmark_ids.tolist(), strict=True)], bool
    )
    answered = np.isin(before.ids.astype(str), after.ids.astype(str))
    shows = np.array([bool(truth[query]) for query in before.ids.tolist()], dtype=bool)
    return {
        "gap_classifier": gap(before.ids, before.landmark_ids, before.scores, truth),
        "gap_verified": gap(after.ids, after.landmark_ids, after.scores, truth),
        "distractors_rejected": _share(~answered[~shows]),
        "true_kept": _share(keeps[right]),
        "self_verified_gap": self_verified_gap(verified),
    }


def self_verified_gap(verified: pd.DataFrame) -> float:
    """Returns the GAP of seed 003 (section 3.1), in which the verifier's verdict stands in for the missing labels.

    rel(i) is 1 where the verdict is `confirmed`; predictions judged distractors are left out, and M counts the
    rest. It says how sure the verifier is of itself, not how right anybody is: 0 where nothing is left. Of several
    candidates a query the one counts that re-ranking keeps, or else the one with the highest score.
    """
    rows = pd.concat([rerank(verified), _best(verified)]).drop_duplicates(schema.ID)
    rows = rows[rows["verdict"] != str(Verdict.DISTRACTOR)]
    rows = rows[rows[schema.LANDMARK] != schema.NO_LANDMARK_LABEL]
    if rows.empty:
        return 0.0
    marks, ids = rows[schema.LANDMARK].to_numpy(np.int64), rows[schema.ID].to_numpy(object)
    order = kaggle_order(ids, marks, rows[schema.SCORE].to_numpy(np.float64))
    confirmed = (rows["verdict"] == str(Verdict.CONFIRMED)).to_numpy()
    return average_precision(confirmed[order], len(rows))


def _best(verified: pd.DataFrame) -> pd.DataFrame:
    """Every query's row with the highest score; of equals the smaller landmark."""
    order = verified.sort_values([schema.SCORE, schema.LANDMARK], ascending=[False, True], kind="stable")
    return order.drop_duplicates(schema.ID).sort_index()


def _ranked_figures(judged: Judged) -> dict[str, float]:
    num_landmark_queries = judged.num_landmark_queries
    on_landmarks = judged.shows[judged.rows]
    return {
        "gap": average_precision(judged.right, num_landmark_queries),
        "gap_without_distractors": average_precision(judged.right[on_landmarks], num_landmark_queries),
        "top1": float(judged.right.sum() / num_landmark_queries),
    }


def _share(hits: np.ndarray) -> float:
    """Returns the mean of a boolean array; 1 for an empty one, since nothing was missed."""
    return float(hits.mean()) if len(hits) else 1.0
