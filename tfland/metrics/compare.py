"""Two predictions for the same queries: which changed, from what to what."""

from enum import StrEnum

import numpy as np
import pandas as pd

from tfland.metrics.judged import Judged
from tfrecords_builder.schema import ID, NO_LANDMARK_ID


class Change(StrEnum):
    """What became of a query's prediction."""

    GAINED = "gained"  # right now, not before
    LOST = "lost"  # right before, not now
    NEWLY_WRONG = "newly_wrong"  # no prediction before, a wrong one now
    WITHDRAWN = "withdrawn"  # a wrong prediction before, none now
    OTHER_WRONG = "other_wrong"  # another landmark, wrong before and now
    OTHER_RIGHT = "other_right"  # another landmark, right before and now
    SAME = "same"


def changes(first: Judged, second: Judged) -> pd.DataFrame:
    """Returns every query with both predictions and what changed from the first to the second.

    Args:
        first: before.
        second: after; judged on the same queries.

    Returns:
        [Q] rows in the solution's order: id, change, landmark_id and score of both (suffixes `_before` and `_after`;
        NO_LANDMARK_ID and NaN without a prediction), and `shows` (whether the query shows a landmark).

    Raises:
        ValueError: the two were judged on different queries.
    """
    if first.queries.tolist() != second.queries.tolist():
        raise ValueError(f"{len(first.queries)} queries against {len(second.queries)} others: judge both on the same")
    before, after = first.predicted, second.predicted
    right_before, right_after = (judged.of_queries(judged.right, False) for judged in (first, second))
    other = before != after
    cases = {
        Change.GAINED: ~right_before & right_after,
        Change.LOST: right_before & ~right_after,
        Change.OTHER_RIGHT: right_before & right_after & other,
        Change.NEWLY_WRONG: other & (before == NO_LANDMARK_ID),
        Change.WITHDRAWN: other & (after == NO_LANDMARK_ID),
        Change.OTHER_WRONG: other,
    }
    # Of several that hold the first is taken.
    kinds = np.select(list(cases.values()), [str(kind) for kind in cases], default=str(Change.SAME))
    return pd.DataFrame(
        {
            ID: first.queries,
            "shows": first.shows,
            "change": kinds,
            "landmark_id_before": before,
            "landmark_id_after": after,
            "score_before": first.of_queries(first.scores, np.nan),
            "score_after": second.of_queries(second.scores, np.nan),
        }
    )


def count_changes(table: pd.DataFrame) -> dict[str, int]:
    """Returns how many queries changed how, and how many kept their landmark with another score.

    Args:
        table: of `changes`.
    """
    counts = table["change"].value_counts()
    found = {str(kind): int(counts.get(str(kind), 0)) for kind in Change}
    same = table[(table["change"] == Change.SAME) & (table["landmark_id_after"] != NO_LANDMARK_ID)]
    return found | {"same_landmark_other_score": int((same["score_before"] != same["score_after"]).sum())}
