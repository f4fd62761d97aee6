import numpy as np
import pandas as pd
import pytest

from delf_verify.aims import ObjectiveAim, RateAim
from delf_verify.cross_validation import units_of_queries
from delf_verify.decision import decide_table
from delf_verify.labelled_sample import LabelledSample
from delf_verify.probability import PAIR_INPUTS, QUERY_INPUTS
from delf_verify.tuning import TuningOptions, TuningResult, tune
from tfrecords_builder.terminal import CheckFailed

BARE = ["max_inliers", "mean_inliers"]


def evidence(seed: int, rows: int = 200) -> tuple[pd.DataFrame, np.ndarray]:
    """True predictions have about 40 inliers at best and 10 on average, false ones 7 and 1.5."""
    generator = np.random.default_rng(seed)
    is_true = generator.random(rows) < 0.5
    largest = np.where(is_true, generator.gamma(3, 13, rows), generator.gamma(6, 1.2, rows)).round()
    table = pd.DataFrame({"max_inliers": largest, "mean_inliers": largest * generator.uniform(0.1, 0.35, rows)})
    table["inlier_ratio"] = np.clip(np.where(is_true, 0.5, 0.3) + generator.normal(0, 0.15, rows), 0, 1)
    table["spread"] = generator.random(rows)
    table["score"] = np.where(is_true, 0.6, 0.4) + generator.normal(0, 0.2, rows)
    return table, is_true


def sample_of(table: pd.DataFrame, is_true: np.ndarray, **more: object) -> LabelledSample:
    units = units_of_queries([f"q{row}" for row in range(len(table))])
    return LabelledSample(table=table, is_true=is_true, units=units, **more)


def accuracy(is_true: np.ndarray):
    return lambda kept: float((is_true & kept).sum() - (~is_true & kept).sum())


def tune_inliers(table: pd.DataFrame, is_true: np.ndarray, floor: float = 0.95, **more: object) -> TuningResult:
    aim = ObjectiveAim(objective=accuracy(is_true), is_true=is_true, min_true_kept=floor)
    return tune(sample_of(table, is_true, **more), aim, TuningOptions(rule="inliers", folds=2))


def rule(table: pd.DataFrame, max_inliers: float, mean_inliers: float) -> np.ndarray:
    return ((table["max_inliers"] >= max_inliers) | (table["mean_inliers"] > mean_inliers)).to_numpy()


def test_a_gap_between_the_kinds_is_split_in_its_middle() -> None:
    table = pd.DataFrame({"max_inliers": [4.0] * 30 + [20.0] * 30, "mean_inliers": [1.0] * 30 + [5.0] * 30})
    result = tune_inliers(table, np.arange(60) >= 30)
    assert result.thresholds.max_inliers == 12
    assert result.thresholds.mean_inliers == 3
    assert (result.inliers.in_sample.true_kept, result.inliers.in_sample.false_kept) == (1, 0)


def test_the_table_holds_what_the_rule_gives() -> None:
    """Recomputed row by row."""
    table, is_true = evidence(1, rows=60)
    objective = accuracy(is_true)
    for row in tune_inliers(table, is_true).inliers.table.itertuples():
        kept = rule(table, row.max_inliers, row.mean_inliers)
        assert row.objective == objective(kept)
        assert row.true_kept == kept[is_true].mean()
        assert row.false_kept == kept[~is_true].mean()


@pytest.mark.parametrize("floor", [0.8, 0.95, 1.0])
def test_the_floor_holds(floor: float) -> None:
    for seed in range(3):
        table, is_true = evidence(seed)
        aim = ObjectiveAim(objective=lambda kept: float(-kept.sum()), is_true=is_true, min_true_kept=floor)
        result = tune(sample_of(table, is_true), aim, TuningOptions(rule="inliers", folds=2))
        assert result.inliers.in_sample.true_kept >= floor
        kept = rule(table, result.thresholds.max_inliers, result.thresholds.mean_inliers)
        assert np.array_equal(kept, result.inliers.kept)


def test_true_predictions_of_another_sample_are_kept() -> None:
    """Tuned on 100 predictions to keep 95 %, at least 90 % of others stay."""
    shares = []
    for seed in range(12):
        table, is_true = evidence(seed, rows=100)
        thresholds = tune_inliers(table[BARE], is_true).thresholds
        others, others_true = evidence(seed + 1000, rows=2000)
        shares.append(rule(others, thresholds.max_inliers, thresholds.mean_inliers)[others_true].mean())
    assert np.mean(np.array(shares) >= 0.9) >= 0.9


def test_few_true_predictions_are_all_kept() -> None:
    """Nine of ten would meet no floor of 95 % with any confidence."""
    table = pd.DataFrame({"max_inliers": np.arange(20.0), "mean_inliers": np.arange(20.0) / 10})
    assert tune_inliers(table, np.arange(20) >= 10, 0.8).inliers.in_sample.true_kept == 1


def test_what_was_not_compared_is_kept_by_an_objective_and_not_confirmed_by_a_rate() -> None:
    table, is_true = evidence(3)
    table.iloc[:20, :4] = np.nan
    kept = tune(sample_of(table, is_true), ObjectiveAim(objective=accuracy(is_true), is_true=is_true, resamples=5))
    assert kept.inliers.kept[:20].all() and kept.probability is not None and kept.probability.kept[:20].all()
    confirmed = tune(sample_of(table, is_true), RateAim(is_true=is_true, precision=0.9))
    assert not confirmed.inliers.kept[:20].any() and not confirmed.deciding.kept[:20].any()
    assert confirmed.inliers.in_sample.true_kept <= is_true[20:].sum() / is_true.sum()


def test_the_third_threshold_separates_distractors_from_wrong_ones() -> None:
    table = pd.DataFrame({"max_inliers": [3.0] * 20 + [6.0] * 20 + [50.0] * 40})
    table["mean_inliers"] = [0.5] * 20 + [2.5] * 20 + [20.0] * 40
    result = tune_inliers(table, np.arange(80) >= 40, is_distractor=np.arange(80) < 20)
    assert 0.5 < result.thresholds.distractor_inliers <= 2.5
    row = result.distractors[result.distractors["distractor_inliers"] == result.thresholds.distractor_inliers].iloc[0]
    assert (row["distractors_below"], row["wrong_below"]) == (1, 0)


def test_without_distractors_the_third_keeps_the_seeds_ratio() -> None:
    thresholds = tune_inliers(*evidence(4), extractor="sift-1").thresholds
    assert thresholds.distractor_inliers == pytest.approx(thresholds.mean_inliers * 5 / 8)
    assert thresholds.extractor == "sift-1"


def test_the_same_seed_gives_the_same_thresholds() -> None:
    table, is_true = evidence(5, rows=80)
    aim = RateAim(is_true=is_true, precision=0.9)
    first, second = (tune(sample_of(table, is_true), aim, TuningOptions(seed=9)) for _ in range(2))
    assert first.thresholds == second.thresholds
    assert first.deciding.held_out == second.deciding.held_out
    pd.testing.assert_frame_equal(first.inliers.table, second.inliers.table)


@pytest.mark.parametrize("wanted", ["inliers", "probability"])
def test_the_figures_are_those_of_the_written_rule(wanted: str) -> None:
    """Thresholds applied as verification applies them keep what the figures in the sample say."""
    table, is_true = evidence(6)
    aim = RateAim(is_true=is_true, precision=0.9)
    result = tune(sample_of(table, is_true), aim, TuningOptions(rule=wanted, folds=4))
    kept = (decide_table(table, result.thresholds) == "confirmed").to_numpy()
    assert result.deciding.in_sample.true_kept == kept[is_true].mean()
    assert result.deciding.in_sample.precision == is_true[kept].mean()
    assert (result.thresholds.confirmed_probability is None) == (wanted == "inliers")
    assert result.thresholds.query is not None and result.thresholds.query.inputs == QUERY_INPUTS
    assert result.thresholds.pair is not None and result.thresholds.pair.inputs == PAIR_INPUTS


def test_evidence_of_nothing_does_not_look_good_when_held_out() -> None:
    """Labels drawn at random: the sample itself flatters, the held-out rows say that nothing was learnt."""
    excess, flattery = [], []
    for seed in range(24):
        table, _ = evidence(seed, rows=60)
        is_true = np.random.default_rng(seed + 50).random(60) < 0.5
        aim = RateAim(is_true=is_true, recall=0.3)
        result = tune(sample_of(table, is_true), aim, TuningOptions(rule="inliers", folds=5))
        assert result.inliers.held_out is not None
        flattery.append(result.inliers.in_sample.precision - is_true.mean())
        excess.append(np.nan_to_num(result.inliers.held_out.precision - is_true.mean()))
    assert np.mean(flattery) > 0.1
    assert np.mean(excess) < 0.05


def test_held_out_figures_are_those_of_new_data() -> None:
    """Averaged over samples, recall and precision of the held-out rows agree with 4000 others."""
    claims, facts = [], []
    for seed in range(5):
        table, is_true = evidence(seed, rows=120)
        options = TuningOptions(rule="probability", folds=5)
        result = tune(sample_of(table, is_true), RateAim(is_true=is_true, precision=0.95), options)
        others, others_true = evidence(seed + 500, rows=4000)
        kept = (decide_table(others, result.thresholds) == "confirmed").to_numpy()
        held_out = result.deciding.held_out
        assert held_out is not None
        claims.append((held_out.true_kept, held_out.precision))
        facts.append((kept[others_true].mean(), others_true[kept].mean()))
    assert np.mean(claims, axis=0) == pytest.approx(np.mean(facts, axis=0), abs=0.03)


def test_the_better_rule_decides() -> None:
    """Where inliers say little and the ratio everything the probability is the better rule."""
    table, is_true = evidence(7)
    generator = np.random.default_rng(0)
    table["max_inliers"] = generator.integers(10, 40, 200).astype(float)
    table["mean_inliers"] = table["max_inliers"] / 4
    table["inlier_ratio"] = np.where(is_true, 0.7, 0.2) + generator.normal(0, 0.1, 200)
    result = tune(sample_of(table, is_true), RateAim(is_true=is_true, precision=0.9), TuningOptions(folds=4))
    assert result.rule == "probability" and result.thresholds.confirmed_probability is not None
    assert result.deciding.held_out is not None and result.deciding.held_out.true_kept > 0.9
    with pytest.raises(CheckFailed, match=r"no threshold reaches precision 0\.9"):
        tune(sample_of(table, is_true), RateAim(is_true=is_true, precision=0.9), TuningOptions(rule="inliers"))
    plain = tune(sample_of(table[BARE], is_true), ObjectiveAim(objective=accuracy(is_true), is_true=is_true))
    assert plain.rule == "inliers" and plain.probability is None and plain.thresholds.pair is None


def test_a_sample_without_scores_is_fitted_without() -> None:
    table, is_true = evidence(8, rows=80)
    table["score"] = np.nan
    result = tune(sample_of(table, is_true), RateAim(is_true=is_true, precision=0.9), TuningOptions(folds=3))
    assert result.thresholds.query is not None
    assert result.thresholds.query.inputs == tuple(name for name in QUERY_INPUTS if name != "score")


def test_one_query_cannot_be_cross_validated() -> None:
    table, is_true = evidence(9, rows=40)
    sample = LabelledSample(table=table, is_true=is_true, units=np.zeros((40, 2), np.int64))
    result = tune(sample, RateAim(is_true=is_true, precision=0.9))
    assert result.inliers.held_out is None and result.probability is None and result.rule == "inliers"
    with pytest.raises(ValueError, match="no probability can be fitted and cross-validated"):
        tune(sample, RateAim(is_true=is_true, precision=0.9), TuningOptions(rule="probability"))


def test_true_predictions_alone_are_tuned_on() -> None:
    table, _ = evidence(10, rows=30)
    is_true = np.ones(30, bool)
    result = tune(sample_of(table, is_true), ObjectiveAim(objective=accuracy(is_true), is_true=is_true))
    assert result.inliers.in_sample.true_kept == 1 and result.probability is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"table": pd.DataFrame({"max_inliers": [1.0, 2.0]})}, r"lacks the columns \['mean_inliers'\]"),
        ({"is_true": np.array([True])}, "2 rows of evidence but 1 labels"),
        ({"is_true": np.array([False, False])}, "none of the 2 predictions is true"),
        ({"table": pd.DataFrame({name: [np.nan] * 2 for name in BARE})}, "no prediction was compared"),
    ],
)
def test_bad_samples_are_refused(change: dict, message: str) -> None:
    arguments = {
        "table": pd.DataFrame({"max_inliers": [1.0, 9.0], "mean_inliers": [1.0, 2.0]}),
        "is_true": np.array([False, True]),
        "units": np.zeros((2, 2), np.int64),
    }
    with pytest.raises(ValueError, match=message):
        LabelledSample(**(arguments | change))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rule": "luck"}, "rule 'luck': give one of best, inliers, probability"),
        ({"method": "forest"}, "method 'forest': give one of logistic, isotonic"),
        ({"folds": 1}, "folds=1: give at least 2"),
    ],
)
def test_bad_options_are_refused(change: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TuningOptions(**change)


def test_figures_of_fewer_rows_do_not_win() -> None:
    """One false row: in its fold no probability can be fitted, and without it the calibrated rule looks perfect."""
    table, _ = evidence(3, rows=40)
    is_true = np.arange(40) > 0
    result = tune(sample_of(table, is_true), RateAim(is_true=is_true, precision=0.99), TuningOptions(folds=5))
    assert result.inliers.held_out is not None and result.probability is not None
    assert result.probability.held_out is not None
    assert (result.inliers.held_out.rows, result.probability.held_out.rows) == (40, 32)
    assert result.probability.held_out.objective > result.inliers.held_out.objective
    assert result.rule == "inliers"
