import numpy as np
import pandas as pd
import pytest

from delf_verify.tuning import boundaries, tune


def sample(seed: int, rows: int = 200) -> tuple[pd.DataFrame, np.ndarray]:
    """True predictions have about 40 inliers at best and 10 on average, false ones 7 and 1.5."""
    generator = np.random.default_rng(seed)
    is_true = generator.random(rows) < 0.5
    largest = np.where(is_true, generator.gamma(3, 13, rows), generator.gamma(6, 1.2, rows)).round()
    mean = largest * generator.uniform(0.1, 0.35, rows)
    return pd.DataFrame({"max_inliers": largest, "mean_inliers": mean}), is_true


def accuracy(is_true: np.ndarray):
    return lambda kept: float((is_true & kept).sum() - (~is_true & kept).sum())


def rule(evidence: pd.DataFrame, max_inliers: float, mean_inliers: float) -> np.ndarray:
    return ((evidence["max_inliers"] >= max_inliers) | (evidence["mean_inliers"] > mean_inliers)).to_numpy()


def test_a_gap_between_the_kinds_is_split_in_its_middle() -> None:
    evidence = pd.DataFrame({"max_inliers": [4.0] * 30 + [20.0] * 30, "mean_inliers": [1.0] * 30 + [5.0] * 30})
    is_true = np.arange(60) >= 30
    result = tune(evidence, accuracy(is_true), is_true)
    assert result.thresholds.max_inliers == 12
    assert result.thresholds.mean_inliers == 3
    assert (result.true_kept, result.false_kept) == (1, 0)


def test_the_table_holds_what_the_rule_gives() -> None:
    """Recomputed row by row."""
    evidence, is_true = sample(1, rows=60)
    objective = accuracy(is_true)
    for row in tune(evidence, objective, is_true).table.itertuples():
        kept = rule(evidence, row.max_inliers, row.mean_inliers)
        assert row.objective == objective(kept)
        assert row.true_kept == kept[is_true].mean()
        assert row.false_kept == kept[~is_true].mean()


@pytest.mark.parametrize("floor", [0.8, 0.95, 1.0])
def test_the_floor_holds(floor: float) -> None:
    for seed in range(5):
        evidence, is_true = sample(seed)
        result = tune(evidence, lambda kept: float(-kept.sum()), is_true, floor)
        assert result.true_kept >= floor
        kept = rule(evidence, result.thresholds.max_inliers, result.thresholds.mean_inliers)
        assert kept[is_true].mean() == result.true_kept


def test_true_predictions_of_another_sample_are_kept() -> None:
    """Tuned on 100 predictions to keep 95 %, at least 90 % of others stay, 19 times of 20."""
    shares = []
    for seed in range(40):
        evidence, is_true = sample(seed, rows=100)
        thresholds = tune(evidence, accuracy(is_true), is_true, seed=seed).thresholds
        others, others_true = sample(seed + 1000, rows=2000)
        shares.append(rule(others, thresholds.max_inliers, thresholds.mean_inliers)[others_true].mean())
    assert np.mean(np.array(shares) >= 0.9) >= 0.95


def test_few_true_predictions_are_all_kept() -> None:
    """Nine of ten would meet no floor of 95 % with any confidence."""
    evidence = pd.DataFrame({"max_inliers": np.arange(20.0), "mean_inliers": np.arange(20.0) / 10})
    is_true = np.arange(20) >= 10
    assert tune(evidence, lambda kept: float(-kept.sum()), is_true, 0.8).true_kept == 1


def test_what_was_not_compared_is_kept() -> None:
    evidence, is_true = sample(3)
    evidence.iloc[:20] = np.nan
    calls = []

    def objective(kept: np.ndarray) -> float:
        calls.append(kept)
        return accuracy(is_true)(kept)

    tune(evidence, objective, is_true, resamples=2)
    whole = [kept for kept in calls if kept[:20].all()]
    assert len(whole) >= len(calls) / 3, "only half-samples leave such rows out"
    assert np.isfinite(tune(evidence, objective, is_true, resamples=2).thresholds.max_inliers)


def test_the_third_threshold_separates_distractors_from_wrong_ones() -> None:
    evidence = pd.DataFrame({"max_inliers": [3.0] * 20 + [6.0] * 20 + [50.0] * 40})
    evidence["mean_inliers"] = [0.5] * 20 + [2.5] * 20 + [20.0] * 40
    is_true, is_distractor = np.arange(80) >= 40, np.arange(80) < 20
    thresholds = tune(evidence, accuracy(is_true), is_true, is_distractor=is_distractor).thresholds
    assert 0.5 < thresholds.distractor_inliers <= 2.5
    assert thresholds.distractor_inliers <= thresholds.mean_inliers


def test_without_distractors_the_third_keeps_the_seeds_ratio() -> None:
    evidence, is_true = sample(4)
    thresholds = tune(evidence, accuracy(is_true), is_true, extractor="sift-1").thresholds
    assert thresholds.distractor_inliers == pytest.approx(thresholds.mean_inliers * 5 / 8)
    assert thresholds.extractor == "sift-1"


def test_the_same_seed_gives_the_same_thresholds() -> None:
    evidence, is_true = sample(5)
    first, second = (tune(evidence, accuracy(is_true), is_true, seed=9) for _ in range(2))
    assert first.thresholds == second.thresholds
    pd.testing.assert_frame_equal(first.table, second.table)


def test_boundaries_split_every_neighbour() -> None:
    values = np.array([3.0, 3.0, 7.0, np.nan, 20.0])
    assert boundaries(values, whole=True).tolist() == [0, 5, 14, 21]
    assert boundaries(values, whole=False).tolist() == [0, 5, 13.5, 20]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"evidence": pd.DataFrame({"max_inliers": [1.0, 2.0]})}, r"lacks the columns \['mean_inliers'\]"),
        ({"is_true": np.array([True])}, "2 rows of evidence but 1 labels"),
        ({"is_true": np.array([False, False])}, "none of the 2 predictions is true"),
        ({"min_true_kept": 1.5}, "min_true_kept=1.5: give a share"),
        ({"resamples": 1}, "resamples=1: give at least 2"),
        (
            {"evidence": pd.DataFrame({"max_inliers": [np.nan] * 2, "mean_inliers": [np.nan] * 2})},
            "no prediction was compared",
        ),
    ],
)
def test_bad_input_is_refused(change: dict, message: str) -> None:
    arguments = {
        "evidence": pd.DataFrame({"max_inliers": [1.0, 9.0], "mean_inliers": [1.0, 2.0]}),
        "objective": lambda kept: float(kept.sum()),
        "is_true": np.array([False, True]),
    }
    with pytest.raises(ValueError, match=message):
        tune(**(arguments | change))
