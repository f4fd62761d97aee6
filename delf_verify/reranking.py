"""Re-ranking: of all candidates of a query the best verified landmark.

What the decision rule leaves standing is as in verified GAP: `confirmed` and `unverified` candidates, while
`distractor` and `wrong` ones are dropped. Of those that stand, the best one is, in this order: confirmed before
unverified; the higher probability (known before unknown); more inliers with the best index image; more inliers on
average; the candidate's own higher score; the smaller landmark id. It keeps its own score, by which the queries are
ranked among each other. A query of which nothing stands has an empty cell.
"""

import numpy as np
import pandas as pd

from delf_verify.decision import Verdict
from tfrecords_builder.schema import ID, LANDMARK, NO_LANDMARK_ID, SCORE

# The larger the better.
_EVIDENCE = ("probability", "max_inliers", "mean_inliers", SCORE)
_STANDS = (Verdict.CONFIRMED.value, Verdict.UNVERIFIED.value)


def rerank(verified: pd.DataFrame) -> pd.DataFrame:
    """The best verified candidate of every query that has one.

    Args:
        verified: the table of verified.csv.

    Returns:
        Rows of `verified`, in the order in which their queries first occur; the index is a new one.
    """
    stands = verified["verdict"].isin(_STANDS) & (verified[LANDMARK] != NO_LANDMARK_ID)
    places, _ = pd.factorize(verified[ID])
    rows = np.flatnonzero(stands)
    table = verified.iloc[rows]
    # np.lexsort goes by the last key first; what is unknown comes last.
    descending = [-table[name].fillna(-np.inf).to_numpy(np.float64) for name in _EVIDENCE]
    unconfirmed = (table["verdict"] != Verdict.CONFIRMED.value).to_numpy()
    order = np.lexsort((table[LANDMARK].to_numpy(), *descending[::-1], unconfirmed, places[rows]))
    return table.iloc[order].drop_duplicates(ID).reset_index(drop=True)


def submission_cells(verified: pd.DataFrame) -> list[tuple[str, str]]:
    """Every query once, in the order of its first row, with "<landmark_id> <score>" or "".

    Args:
        verified: the table of verified.csv.
    """
    best = rerank(verified)
    rows = zip(*(best[name].tolist() for name in (ID, LANDMARK, SCORE)), strict=True)
    cells = {query: f"{landmark} {score!r}" for query, landmark, score in rows}
    return [(query, cells.get(query, "")) for query in dict.fromkeys(verified[ID])]
