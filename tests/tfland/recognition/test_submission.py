"""Submission files: exact text, ties, and a round trip through the reader."""

from pathlib import Path

import numpy as np
import pandas as pd

from tfland.recognition.submission import rank_candidates, write_candidates, write_submission
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
