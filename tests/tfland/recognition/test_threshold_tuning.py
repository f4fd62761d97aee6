import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from delf_verify.cross_validation import splits_of
from delf_verify.decision import decide_table
from delf_verify.tuning import TuningOptions
from delf_verify.verified_files import VERIFIED_COLUMNS, write_verified
from tfland.metrics.gap import gap
from tfland.recognition.threshold_tuning import (
    label_evidence,
    tune_labelled,
    tune_on_solution,
    verified_gap_objective,
)


@pytest.fixture
def verified(tmp_path: Path) -> Path:
    """200 queries, half of them distractors; true predictions have more inliers; scores say nothing."""
    generator = np.random.default_rng(0)
    rows, solution = [], ["id,landmarks,Usage"]
    for number in range(200):
        shows = number % 2 == 0
        largest = float(generator.integers(15, 80) if shows else generator.integers(0, 14))
        score = float(generator.integers(0, 50)) / 50
        rows.append([f"q{number}", 7, score, "wrong", largest, largest / 4, 0.5, 0.5, np.nan, 4, "i", ""])
        solution.append(f"q{number},{'7' if shows else ''},Public")
    rows.append(["ignored", 7, 0.99, "wrong", 0.0, 0.0, 0.0, 0.0, np.nan, 4, "i", ""])
    rows.append(["empty", -1, np.nan, "unverified", *[np.nan] * 5, 0, "", ""])
    rows.append(["lost", 7, 0.5, "unverified", *[np.nan] * 5, 0, "", ""])
    solution += ["ignored,7,Ignored", "empty,7,Public", "lost,7,Public"]
    write_verified(tmp_path, pd.DataFrame(rows, columns=VERIFIED_COLUMNS))
    (tmp_path / "verify.json").write_text(json.dumps({"extractor": "sift-1"}))
    (tmp_path / "solution.csv").write_text("\n".join(solution) + "\n")
    return tmp_path


def test_the_objective_is_the_gap_of_what_is_kept(verified: Path) -> None:
    """Compared with `gap` on the kept rows, ties among the scores and all."""
    labelled = label_evidence(verified, verified / "solution.csv")
    rows, objective = labelled.table, verified_gap_objective(labelled)
    generator = np.random.default_rng(1)
    for share in (0.0, 0.3, 0.7, 1.0):
        kept = generator.random(len(rows)) < share
        columns = (rows[name].to_numpy()[kept] for name in ("id", "landmark_id", "score"))
        assert objective(kept) == pytest.approx(gap(*columns, labelled.truth), abs=1e-12)


def test_tuned_thresholds_raise_the_gap_and_keep_the_true(verified: Path) -> None:
    result = tune_on_solution(verified, verified / "solution.csv", options=TuningOptions(folds=3))
    assert result.thresholds.extractor == "sift-1"
    figures = result.deciding.in_sample
    assert figures.true_kept >= 0.95
    assert figures.objective > result.all_kept.objective + 0.2
    assert figures.false_kept < 0.1
    held_out = result.deciding.held_out
    assert held_out is not None and held_out.interval is not None
    assert held_out.interval[0] < held_out.objective < held_out.interval[1]
    assert held_out.objective > result.all_kept.objective + 0.2


def test_the_held_out_gap_is_that_of_rules_that_have_not_seen_the_query(verified: Path) -> None:
    """Recomputed: tuned on the other folds, applied to one, and one GAP of what is kept of all."""
    labelled = label_evidence(verified, verified / "solution.csv")
    sample, options = labelled.sample(), TuningOptions(rule="inliers", folds=3)
    result = tune_labelled(labelled, options=options)
    everything = np.ones(len(labelled.table), dtype=bool)
    kept = np.zeros_like(everything)
    for split in splits_of(sample.units, sample.is_true, everything, folds=3, seed=0):
        part = replace(
            labelled,
            table=labelled.table[split.train].reset_index(drop=True),
            is_true=labelled.is_true[split.train],
            is_distractor=labelled.is_distractor[split.train],
        )
        thresholds = tune_labelled(part, options=options).thresholds
        kept |= (
            split.test
            & (decide_table(labelled.table, thresholds) != "wrong").to_numpy()
            & (decide_table(labelled.table, thresholds) != "distractor").to_numpy()
        )
    assert result.inliers.held_out is not None
    assert result.inliers.held_out.objective == pytest.approx(verified_gap_objective(labelled)(kept), abs=1e-12)


def test_a_wanted_precision(verified: Path) -> None:
    labelled = label_evidence(verified, verified / "solution.csv")
    result = tune_labelled(labelled, precision=0.9, options=TuningOptions(rule="inliers", folds=3))
    assert result.deciding.in_sample.precision >= 0.9 and result.deciding.in_sample.name == "recall"


def test_ignored_queries_and_empty_predictions_are_left_out(verified: Path) -> None:
    labelled = label_evidence(verified, verified / "solution.csv")
    assert not {"ignored", "empty"} & set(labelled.table["id"])
    assert labelled.is_true.sum() == 101 and labelled.is_distractor.sum() == 100


def test_a_query_without_a_solution_is_named(verified: Path) -> None:
    (verified / "solution.csv").write_text("id,landmarks,Usage\nq0,7,Public\n")
    with pytest.raises(ValueError, match="query 'q1' is not in the solution"):
        tune_on_solution(verified, verified / "solution.csv")


def test_evidence_that_was_gathered_in_part_is_refused(verified: Path) -> None:
    (verified / "verify.json").write_text(json.dumps({"extractor": "sift-1", "settings": {"stop_early": True}}))
    with pytest.raises(ValueError, match="verified with --stop-early"):
        label_evidence(verified, verified / "solution.csv")
