"""Equation 1 of seed 000, merging, and the cross-assignment table by hand."""

from pathlib import Path

import numpy as np
import pytest

from tfland.recognition.partition import class_factors, cross_assign, merge_best, write_cross_assignment
from tfland.recognition.voting import Candidates


def candidates(*rows: tuple[int, int, float]) -> Candidates:
    queries, marks, scores = zip(*rows, strict=True)
    return Candidates.sort(np.array(queries), np.array(marks), np.array(scores))


def test_factors_are_those_of_the_paper() -> None:
    """12,671 classes of 30 and more photographs, 14,553 of 15 to 29 (seed 000, section 3.1)."""
    assert class_factors([12671, 14553]).tolist() == [12671 / 14553, 1.0]


def test_the_better_of_two_scores_of_a_landmark_stays() -> None:
    found = merge_best([candidates((0, 5, 0.3), (0, 7, 0.2), (1, 5, 0.9)), candidates((0, 5, 0.4), (0, 1, 0.2))])
    assert list(zip(found.query_rows.tolist(), found.landmark_ids.tolist(), strict=True)) == [
        (0, 5),
        (0, 1),
        (0, 7),
        (1, 5),
    ]
    assert found.scores.tolist() == pytest.approx([0.4, 0.2, 0.2, 0.9])


@pytest.mark.parametrize("seed", range(5))
def test_merging_by_hand(seed: int) -> None:
    rng = np.random.default_rng([3, seed])
    parts = []
    for _ in range(3):
        pairs = np.unique(rng.integers(0, 4, (12, 2)), axis=0)
        parts.append(Candidates.sort(pairs[:, 0], pairs[:, 1], np.round(rng.random(len(pairs)), 1)))
    best: dict[tuple[int, int], float] = {}
    for part in parts:
        for row, mark, score in zip(part.query_rows, part.landmark_ids, part.scores, strict=True):
            best[int(row), int(mark)] = max(best.get((int(row), int(mark)), -1.0), float(score))
    wanted = sorted(((row, -score, mark) for (row, mark), score in best.items()))
    found = merge_best(parts)
    assert [
        (int(row), -float(score), int(mark))
        for row, mark, score in zip(found.query_rows, found.landmark_ids, found.scores, strict=True)
    ] == wanted


def test_the_table_by_hand(tmp_path: Path) -> None:
    # Two classifiers of 10 and 40 classes; the factors are 1/4 and 1.
    probabilities = np.array([[0.9, 0.9, 0.8, 0.5, 0.9], [0.1, 0.3, 0.9, 0.1, 0.9]])
    homes = np.array([0, 0, 1, 1, -1])
    table = cross_assign(["many", "few"], [10, 40], probabilities, homes)
    # Scaled, the first gives 0.225, 0.225, 0.2, 0.125.
    assert table.counts.tolist() == [[1, 1], [1, 1]]
    assert table.plain_counts.tolist() == [[2, 0], [1, 1]]
    assert table.right_share == 0.5
    path, picture = write_cross_assignment(tmp_path, table)
    assert path.read_text().splitlines() == [
        "classifier,classes,photographs,assigned to many,assigned to few,right,right_without_factor",
        "many,10,2,1,1,0.5000,1.0000",
        "few,40,2,1,1,0.5000,0.5000",
    ]
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_a_table_without_photographs(tmp_path: Path) -> None:
    table = cross_assign(["a", "b"], [2, 2], np.zeros((2, 1)), np.array([-1]))
    assert table.right_share == 0.0
    write_cross_assignment(tmp_path, table)
