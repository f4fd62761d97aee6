"""Candidates, top-5 and class sizes."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tfland.metrics.score_files import best_first, load_scored, read_class_sizes, top_share
from tfrecords_builder.catalog import read_solution

SOLUTION = "id,landmarks,Usage\na,1,Public\nb,,Public\nc,2,Public\nd,3 4,Public\ne,5,Ignored\n"


def scored(folder: Path, rows: str) -> dict[str, float]:
    (folder / "c.csv").write_text("id,landmark_id,score\n" + rows)
    (folder / "s.csv").write_text(SOLUTION)
    return load_scored(folder / "c.csv", read_solution(folder / "s.csv")).figures


def test_the_best_candidate_is_the_prediction(tmp_path: Path) -> None:
    figures = scored(tmp_path, "c,9,0.6\nc,2,0.4\na,1,0.9\na,7,0.1\nb,1,0.2\nd,4,0.3\ne,5,1.0\n")
    assert figures["top1"] == pytest.approx(2 / 3)
    assert figures["top5"] == 1.0
    assert figures["predictions"] == 4
    # Ranked: a right, c wrong, d right, b.
    assert figures["gap"] == pytest.approx((1 + 2 / 3) / 3)


def test_the_sixth_does_not_count(tmp_path: Path) -> None:
    rows = "".join(
        f"c,{mark},{score}\n" for mark, score in ((9, 0.9), (8, 0.8), (7, 0.7), (6, 0.6), (5, 0.5), (2, 0.4))
    )
    assert scored(tmp_path, rows)["top5"] == 0.0
    assert scored(tmp_path, rows.replace("c,5,0.5\n", ""))["top5"] == pytest.approx(1 / 3)


@pytest.mark.parametrize("seed", range(20))
def test_top_share_against_sorting(seed: int) -> None:
    rng = np.random.default_rng(seed)
    pairs = [(f"q{query}", mark) for query in range(12) for mark in range(9) if rng.random() < 0.7]
    rows = [(query, mark, float(rng.integers(0, 4))) for query, mark in rng.permutation(np.array(pairs, object))]
    table = pd.DataFrame(rows, columns=["id", "landmark_id", "score"])
    truth = {f"q{query}": frozenset(rng.choice(9, rng.integers(0, 3), replace=False).tolist()) for query in range(12)}
    truth["q0"] = frozenset([1])
    for count in (1, 3, 5):
        hits = 0
        for query, marks in truth.items():
            best = sorted((row for row in rows if row[0] == query), key=lambda row: (-row[2], row[1]))[:count]
            hits += bool(marks & {row[1] for row in best})
        expected = hits / sum(map(bool, truth.values()))
        assert top_share(best_first(table), truth, count) == pytest.approx(expected)


def test_candidates_in_order_stay_as_they_are() -> None:
    table = pd.DataFrame({"id": list("aab"), "landmark_id": [1, 2, 3], "score": [0.5, 0.5, 0.9]})
    assert best_first(table) is table
    assert best_first(table.iloc[::-1])["landmark_id"].tolist() == [3, 1, 2]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,landmark_id,score\nz,1,0.5\n", "query 'z' is not in the solution"),
        ("id,landmark_id,score\na,1,0.5\na,1,0.4\n", "has landmark 1 twice"),
        ("id,label\na,1\n", "expected id,landmarks or id,landmark_id,score"),
    ],
)
def test_refusals(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "c.csv").write_text(text)
    (tmp_path / "s.csv").write_text(SOLUTION)
    with pytest.raises(ValueError, match=message):
        load_scored(tmp_path / "c.csv", read_solution(tmp_path / "s.csv"))


def test_top_share_refuses_unknown_queries() -> None:
    table = pd.DataFrame({"id": ["z"], "landmark_id": [1], "score": [0.5]})
    with pytest.raises(ValueError, match="query 'z' is not in the solution"):
        top_share(table, {"a": frozenset([1])}, 5)


def test_class_sizes_of_labels_and_of_photographs(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("label,landmark_id,images\n0,4,10\n1,9,2\n")
    (tmp_path / "train.csv").write_text("id,landmark_id\na,9\nb,9\nc,4\n")
    assert read_class_sizes(tmp_path / "labels.csv").to_dict() == {4: 10, 9: 2}
    assert read_class_sizes(tmp_path / "train.csv").to_dict() == {9: 2, 4: 1}
    (tmp_path / "test.csv").write_text("id\na\n")
    with pytest.raises(ValueError, match="names no landmark"):
        read_class_sizes(tmp_path / "test.csv")
