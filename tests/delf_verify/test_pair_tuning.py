from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from delf_verify.decision import Verdict, decide, decide_table, probabilities
from delf_verify.labelled_sample import LabelledSample
from delf_verify.pair_tuning import pair_sample, read_places, tune_pairs
from delf_verify.tuning import TuningOptions
from tfrecords_builder.terminal import CheckFailed

INLIERS = np.array([0, 3, 5, 9, 8, 15, 30, 60])
SAME = np.array([0, 0, 0, 0, 1, 1, 1, 1], dtype=bool)
BY_INLIERS = TuningOptions(rule="inliers")


def sample_of(inliers: np.ndarray, same: np.ndarray, extractor: str = "") -> LabelledSample:
    scores = pd.DataFrame({"inliers": inliers, "inlier_ratio": inliers / 100, "spread": 0.3})
    places = pd.DataFrame({"a": [f"p{n % 4}" for n in range(len(same))]})
    places["b"] = np.where(same, places["a"], [f"p{(n + 1) % 4}" for n in range(len(same))])
    return pair_sample(scores, same, places, extractor)


def test_a_wanted_precision_at_the_highest_recall() -> None:
    result = tune_pairs(sample_of(INLIERS, SAME), precision=1.0, options=BY_INLIERS)
    assert 9 < result.thresholds.max_inliers <= 15
    figures = result.deciding.in_sample
    assert (figures.precision, figures.true_kept, figures.false_kept) == (1.0, 0.75, 0.0)
    lenient = tune_pairs(sample_of(INLIERS, SAME), precision=0.8, options=BY_INLIERS)
    assert 5 < lenient.thresholds.max_inliers <= 8
    assert lenient.deciding.in_sample.true_kept == 1


def test_a_wanted_recall_at_the_highest_precision() -> None:
    figures = tune_pairs(sample_of(INLIERS, SAME), recall=1.0, options=BY_INLIERS).deciding.in_sample
    assert (figures.objective, figures.true_kept) == (4 / 5, 1.0)


def test_the_rule_decides_a_pair_as_tuned() -> None:
    """With one image the mean is the maximum: it must not confirm below the threshold."""
    thresholds = tune_pairs(sample_of(INLIERS, SAME, "x"), precision=1.0, options=BY_INLIERS).thresholds
    assert decide(9, 9.0, thresholds) is not Verdict.CONFIRMED
    assert decide(15, 15.0, thresholds) is Verdict.CONFIRMED
    assert thresholds.extractor == "x"


def test_a_probability_decides_a_pair_as_tuned() -> None:
    generator = np.random.default_rng(0)
    same = np.arange(80) % 2 == 0
    sample = sample_of(np.where(same, generator.integers(8, 60, 80), generator.integers(0, 12, 80)), same)
    result = tune_pairs(sample, precision=0.9, options=TuningOptions(rule="probability", folds=4))
    thresholds = result.thresholds
    assert thresholds.query is None and thresholds.pair is not None and thresholds.confirmed_probability is not None
    confirmed = (decide_table(sample.table, thresholds) == "confirmed").to_numpy()
    assert np.array_equal(confirmed, result.deciding.kept)
    assert np.array_equal(confirmed, probabilities(sample.table, thresholds) >= thresholds.confirmed_probability)


def test_a_precision_out_of_reach_is_said() -> None:
    with pytest.raises(CheckFailed, match=r"no threshold reaches precision 0\.99: the best is 0\.500"):
        tune_pairs(sample_of(np.array([5, 5]), np.array([True, False])), precision=0.99)


@pytest.mark.parametrize("wish", [{}, {"precision": 0.9, "recall": 0.9}, {"precision": 0.0}, {"recall": 1.2}])
def test_exactly_one_wish(wish: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="give either precision or recall"):
        tune_pairs(sample_of(INLIERS, SAME), **wish)


def test_one_kind_of_pairs_is_not_enough() -> None:
    with pytest.raises(ValueError, match="2 labelled rows of one kind only"):
        tune_pairs(sample_of(np.array([1, 2]), np.array([True, True])), precision=0.9)


@pytest.mark.parametrize(
    ("header", "places"),
    [
        ("a,b,same", [("1.jpg", "2.jpg"), ("1.jpg", "3.jpg")]),
        ("a,b,same,scene_a,scene_b", [("x", "y"), ("z", "007")]),
        ("a,b,same,group,other", [("x", "x"), ("z", "z")]),
        ("a,b,same,scene_a,other", [("1.jpg", "2.jpg"), ("1.jpg", "3.jpg")]),
    ],
)
def test_places_are_read_where_they_are_known(tmp_path: Path, header: str, places: list[tuple[str, str]]) -> None:
    rows = ["1.jpg,2.jpg,1,x,y", "", "1.jpg,3.jpg,0,z,007"]
    width = header.count(",") + 1
    rows = [",".join(row.split(",")[:width]) for row in rows]
    (tmp_path / "pairs.csv").write_text("\n".join([header, *rows]) + "\n")
    assert list(read_places(tmp_path / "pairs.csv").itertuples(index=False, name=None)) == places
