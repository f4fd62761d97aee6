"""The score table of predictions and of verified ones."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from delf_verify.verified_files import read_verified
from tfland.metrics.gap import gap
from tfland.metrics.judged import judge
from tfland.metrics.score_files import score_files
from tfland.metrics.scores import kept, score_judged, self_verified_gap

SOLUTION = "id,landmarks,Usage\na,1,Public\nb,,Public\nc,2,Private\nd,3 4,Private\ne,5,Ignored\n"
# a right, b a distractor, c wrong, d empty, e not scored.
SUBMISSION = "id,landmarks\na,1 0.9\nb,1 0.8\nc,1 0.7\nd,\ne,5 1.0\n"
VERIFIED = (
    "id,landmark_id,score,verdict,max_inliers,mean_inliers,inlier_ratio,spread,"
    "probability,images_compared,best_image_id,reason\n"
    "a,1,0.9,confirmed,30,9,0.8,0.5,,2,x,\nb,1,0.8,distractor,1,1,0,0,,2,x,\nc,1,0.7,wrong,6,6,0.2,0.1,,2,x,\nd,4,0.6,unverified,0,0,,,,0,,gone\n"
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


def test_of_candidates_the_best_is_the_prediction_before_and_the_kept_one_after(tmp_path: Path) -> None:
    _, solution, verified = write(tmp_path)
    header = VERIFIED.splitlines()[0]
    rows = (
        "a,9,0.9,wrong,6,6,0.2,0.1,,2,x,",
        "a,1,0.3,confirmed,30,9,0.8,0.5,,2,x,",
        "b,1,0.8,distractor,1,1,0,0,,2,x,",
        "b,2,0.1,distractor,1,1,0,0,,2,x,",
    )
    verified.write_text("\n".join([header, *rows]) + "\n")
    scores = score_files(None, solution, tmp_path)
    assert scores["gap_classifier"] == 0.0
    assert scores["gap_verified"] == pytest.approx(1 / 3)  # a, now right; M = a, c, d
    assert scores["distractors_rejected"] == 1.0
    assert scores["self_verified_gap"] == 1.0


def test_the_parts_of_a_solution(tmp_path: Path) -> None:
    predictions, solution, _ = write(tmp_path)
    scores = score_files(predictions, solution, None)
    assert (scores["gap_public"], scores["gap_private"]) == (1.0, 0.0)
    assert (scores["queries_public"], scores["queries_private"]) == (2, 2)
    assert scores["predictions_on_distractors"] == 1


def test_one_usage_has_no_parts(tmp_path: Path) -> None:
    predictions, solution, _ = write(tmp_path)
    solution.write_text(SOLUTION.replace("Private", "Public"))
    assert not [name for name in score_files(predictions, solution, None) if "public" in name]


@pytest.mark.parametrize("seed", range(10))
def test_each_part_is_scored_as_if_alone(make_case: Callable, seed: int) -> None:
    predictions, truth = make_case(seed)
    usages = np.array(["Public", "Private"], dtype=object)[np.arange(len(truth)) % 2]
    figures = score_judged(judge(predictions, truth), usages)
    for usage in ("Public", "Private"):
        part = {query: truth[query] for query, where in zip(truth, usages, strict=True) if where == usage}
        inside = np.array([query in part for query in predictions.ids])
        arrays = (predictions.ids[inside], predictions.landmark_ids[inside], predictions.scores[inside])
        assert figures[f"gap_{usage.lower()}"] == pytest.approx(gap(*arrays, part))


def test_averages_without_distractors_only_where_there_are_some(make_case: Callable) -> None:
    with_some, without = (score_judged(judge(*make_case(2, distractors=flag))) for flag in (True, False))
    assert with_some["precision_micro_without_distractors"] > with_some["precision_micro"]
    assert not [name for name in without if name.startswith("f1") and "without" in name]


def test_refusals(tmp_path: Path) -> None:
    predictions, _, _ = write(tmp_path)
    with pytest.raises(ValueError, match="nothing to score"):
        score_files(None, None, None)
    with pytest.raises(ValueError, match="--predictions needs --solution"):
        score_files(predictions, None, None)
