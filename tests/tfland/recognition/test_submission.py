"""Submission files: exact text, ties, and a round trip through the reader."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tfland.recognition.submission import (
    rank_candidates,
    read_landmarks,
    read_query_ids,
    write_candidates,
    write_submission,
)
from tfrecords_builder.catalog import read_candidates, read_submission


def test_ranks_best_first_and_ties_by_landmark() -> None:
    probabilities = np.array([[0.2, 0.5, 0.3], [0.4, 0.2, 0.4]])
    marks, scores = rank_candidates(probabilities, np.array([7, 9, 30]), 2)
    assert marks.tolist() == [[9, 30], [7, 30]]
    assert scores.tolist() == [[0.5, 0.3], [0.4, 0.4]]


def test_more_candidates_than_classes() -> None:
    marks, _ = rank_candidates(np.array([[0.2, 0.8]]), np.array([1, 2]), 10)
    assert marks.tolist() == [[2, 1]]


def test_submission_is_kaggles_form(tmp_path: Path) -> None:
    table = pd.DataFrame({"id": ["b"], "landmark_id": [12], "score": [0.25]})
    write_submission(tmp_path / "p.csv", ["a", "b"], table)
    assert (tmp_path / "p.csv").read_text() == "id,landmarks\na,\nb,12 0.25\n"


def test_float32_scores_come_back_exactly(tmp_path: Path) -> None:
    scores = np.random.default_rng(0).random(50, dtype=np.float32)
    ids = [f"{n:016x}" for n in range(50)]
    table = pd.DataFrame({"id": ids, "landmark_id": 3, "score": scores})
    write_submission(tmp_path / "p.csv", ids, table)
    read = read_submission(tmp_path / "p.csv")
    assert np.array_equal(read["score"].to_numpy(np.float32), scores)
    write_candidates(tmp_path / "c.csv", table)
    assert np.array_equal(read_candidates(tmp_path / "c.csv")["score"].to_numpy(np.float32), scores)


@pytest.mark.parametrize("count", [1, 3, 7])
@pytest.mark.parametrize("seed", range(4))
def test_the_best_are_those_of_a_stable_sort(count: int, seed: int) -> None:
    """With ties inside, at the end of the chosen ones, and none."""
    scores = np.random.default_rng([seed, count]).integers(0, 4 if seed % 2 else 1000, (20, 7)) / 1000
    wanted = np.argsort(-scores, axis=1, kind="stable")[:, :count]
    marks, best = rank_candidates(scores, np.arange(7) * 10, count)
    assert marks.tolist() == (wanted * 10).tolist()
    assert best.tolist() == np.take_along_axis(scores, wanted, axis=1).tolist()


def test_queries_of_a_sample_submission_keep_its_order(tmp_path: Path) -> None:
    (tmp_path / "sample.csv").write_text("id,landmarks\nb,1 0.5\na,\nc,7 1\n")
    (tmp_path / "test.csv").write_text("id\nb\na\nc\n")
    assert read_query_ids(tmp_path / "sample.csv") == read_query_ids(tmp_path / "test.csv") == ["b", "a", "c"]
    write_submission(
        tmp_path / "p.csv", ["b", "a", "c"], pd.DataFrame({"id": ["c"], "landmark_id": [7], "score": [1.0]})
    )
    assert (tmp_path / "p.csv").read_text() == "id,landmarks\nb,\na,\nc,7 1\n"
    (tmp_path / "twice.csv").write_text("id,landmarks\nb,\nb,\n")
    with pytest.raises(ValueError, match="id 'b' is already on line 2"):
        read_query_ids(tmp_path / "twice.csv")


def test_landmarks_of_a_test_set(tmp_path: Path) -> None:
    (tmp_path / "solution.csv").write_text("id,landmarks,Usage\na,5 7,Public\nb,,Private\nc,9,Ignored\n")
    (tmp_path / "train.csv").write_text("id,landmark_id\na,5\nb,6\nc,5\n")
    (tmp_path / "none.csv").write_text("id,landmarks,Usage\na,,Public\n")
    assert read_landmarks(tmp_path / "solution.csv") == {5, 7, 9}
    assert read_landmarks(tmp_path / "train.csv") == {5, 6}
    with pytest.raises(ValueError, match="has no landmark; give a solution"):
        read_landmarks(tmp_path / "none.csv")
