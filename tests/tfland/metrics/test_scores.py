"""The score table of predictions and of verified ones."""

from pathlib import Path

import pytest

from delf_verify.verified_files import read_verified
from tfland.metrics.score_files import score_files
from tfland.metrics.scores import kept, self_verified_gap

SOLUTION = "id,landmarks,Usage\na,1,Public\nb,,Public\nc,2,Private\nd,3 4,Private\ne,5,Ignored\n"
# a right, b a distractor, c wrong, d empty, e not scored.
SUBMISSION = "id,landmarks\na,1 0.9\nb,1 0.8\nc,1 0.7\nd,\ne,5 1.0\n"
VERIFIED = (
    "id,landmark_id,score,verdict,max_inliers,mean_inliers,images_compared,best_image_id,reason\n"
    "a,1,0.9,confirmed,30,9,2,x,\nb,1,0.8,distractor,1,1,2,x,\nc,1,0.7,wrong,6,6,2,x,\nd,4,0.6,unverified,0,0,0,,gone\n"
)


def write(folder: Path) -> tuple[Path, Path, Path]:
    texts = {"p.csv": SUBMISSION, "s.csv": SOLUTION, "verified.csv": VERIFIED}
    for name, text in texts.items():
        (folder / name).write_text(text)
    first, second, third = (folder / name for name in texts)
    return first, second, third


def test_scores_of_a_submission(tmp_path: Path) -> None:
    predictions, solution, _ = write(tmp_path)
    scores = score_files(predictions, solution, None)
    assert scores["gap"] == pytest.approx(1 / 3)  # a at rank 1; M = a, c, d
    assert scores["gap_without_distractors"] == pytest.approx(1 / 3)
    assert scores["top1"] == pytest.approx(1 / 3)
    assert (scores["queries"], scores["landmark_queries"], scores["predictions"], scores["right"]) == (4, 3, 3, 1)


def test_distractors_count_only_in_the_first_gap(tmp_path: Path) -> None:
    predictions, solution, _ = write(tmp_path)
    predictions.write_text("id,landmarks\na,1 0.5\nb,1 0.8\nc,1 0.1\nd,3 0.4\ne,\n")
    scores = score_files(predictions, solution, None)
    assert scores["gap"] == pytest.approx((1 / 2 + 2 / 3) / 3)
    assert scores["gap_without_distractors"] == pytest.approx((1 + 1) / 3)


def test_scores_of_a_verified_table(tmp_path: Path) -> None:
    _, solution, _ = write(tmp_path)
    scores = score_files(None, solution, tmp_path)
    assert scores["gap_classifier"] == pytest.approx((1 + 2 / 4) / 3)  # ranks: a right, b, c wrong, d right
    assert scores["gap_verified"] == pytest.approx((1 + 2 / 2) / 3)  # b and c dropped
    assert scores["distractors_rejected"] == 1.0
    assert scores["true_kept"] == 1.0


def test_wrong_and_distractor_are_dropped_and_unverified_stays(tmp_path: Path) -> None:
    write(tmp_path)
    assert kept(read_verified(tmp_path))["id"].tolist() == ["a", "d"]


def test_self_verified_gap_needs_no_solution(tmp_path: Path) -> None:
    write(tmp_path)
    # b is left out as a distractor; of a, c, d only a is confirmed.
    assert score_files(None, None, tmp_path) == {"self_verified_gap": pytest.approx(1 / 3)}


def test_self_verified_gap_of_nothing(tmp_path: Path) -> None:
    write(tmp_path)
    assert self_verified_gap(read_verified(tmp_path).iloc[1:2]) == 0.0


def test_refusals(tmp_path: Path) -> None:
    predictions, _, _ = write(tmp_path)
    with pytest.raises(ValueError, match="nothing to score"):
        score_files(None, None, None)
    with pytest.raises(ValueError, match="--predictions needs --solution"):
        score_files(predictions, None, None)
