from functools import cmp_to_key

import numpy as np
import pandas as pd
import pytest

from delf_verify.reranking import rerank, submission_cells

COLUMNS = ["id", "landmark_id", "score", "verdict", "probability", "max_inliers", "mean_inliers"]


def table(*rows: tuple) -> pd.DataFrame:
    return pd.DataFrame(list(rows), columns=COLUMNS)


def random_table(seed: int) -> pd.DataFrame:
    """Few different values, so that every rule has to decide."""
    rng = np.random.default_rng(seed)
    keys = sorted({(f"q{rng.integers(12)}", int(rng.integers(1, 9))) for _ in range(60)})
    rows = []
    for query, landmark in [keys[place] for place in rng.permutation(len(keys))]:
        verdict = str(rng.choice(["confirmed", "wrong", "distractor", "unverified"]))
        evidence = [np.nan] * 3
        if verdict != "unverified":
            evidence = [float(rng.choice([0.5, 0.75, np.nan])), float(rng.integers(20, 22)), float(rng.integers(2))]
        rows.append((query, landmark, float(rng.integers(2)) / 2, verdict, *evidence))
    return table(*rows)


def better(one: dict, other: dict) -> int:
    """The rule in words, one comparison after the other."""
    if one["verdict"] != other["verdict"]:
        return -1 if one["verdict"] == "confirmed" else 1
    for name in ("probability", "max_inliers", "mean_inliers", "score"):
        first, second = one[name], other[name]
        if np.isnan(first) != np.isnan(second):
            return 1 if np.isnan(first) else -1
        if not np.isnan(first) and first != second:
            return -1 if first > second else 1
    return -1 if one["landmark_id"] < other["landmark_id"] else 1


@pytest.mark.parametrize("seed", range(20))
def test_the_best_verified_candidate_wins(seed: int) -> None:
    verified = random_table(seed)
    expected = []
    for query in dict.fromkeys(verified["id"]):
        rows = verified[(verified["id"] == query) & verified["verdict"].isin(["confirmed", "unverified"])]
        found = sorted(rows.to_dict("records"), key=cmp_to_key(better))
        expected += [(query, found[0]["landmark_id"], found[0]["score"])] if found else []
    best = rerank(verified)
    assert list(zip(best["id"], best["landmark_id"], best["score"], strict=True)) == expected


def test_a_query_of_which_nothing_stands_has_an_empty_cell() -> None:
    verified = table(
        ("b", 3, 0.9, "distractor", 0.1, 2.0, 1.0),
        ("a", 7, 0.1 + 0.2, "confirmed", 0.99, 40.0, 9.0),
        ("b", 4, 0.8, "wrong", 0.2, 9.0, 6.0),
        ("c", -1, np.nan, "unverified", np.nan, np.nan, np.nan),
        ("d", 5, 0.25, "unverified", np.nan, np.nan, np.nan),
        ("a", 8, 0.9, "unverified", np.nan, np.nan, np.nan),
    )
    assert submission_cells(verified) == [("b", ""), ("a", "7 0.30000000000000004"), ("c", ""), ("d", "5 0.25")]


def test_nothing_to_rank() -> None:
    assert submission_cells(table()) == []
