import numpy as np
import pytest

from delf_verify.aims import ObjectiveAim, RateAim, wilson_low
from delf_verify.threshold_grid import ThresholdGrid, inlier_boundaries
from tfrecords_builder.terminal import CheckFailed

INLIERS = np.array([0.0, 3, 5, 9, 8, 15, 30, 60])
SAME = np.array([0, 0, 0, 0, 1, 1, 1, 1], dtype=bool)
ROWS = np.ones(8, dtype=bool)


def grid_of(inliers: np.ndarray = INLIERS) -> ThresholdGrid:
    return ThresholdGrid.of_one("max_inliers", inliers, inlier_boundaries(inliers), keep_unknown=False)


def chosen(aim: RateAim, *, strict: bool = True) -> float:
    grid = grid_of()
    pair, table = aim.choose(grid, ROWS, strict=strict)
    assert table["allowed"][pair]
    return grid.cuts(pair)[0]


def test_a_wanted_precision_at_the_highest_recall() -> None:
    assert 9 < chosen(RateAim(is_true=SAME, precision=1.0)) <= 15
    assert 5 < chosen(RateAim(is_true=SAME, precision=0.8)) <= 8


def test_a_wanted_recall_at_the_highest_precision() -> None:
    assert 5 < chosen(RateAim(is_true=SAME, recall=1.0)) <= 8
    assert 9 < chosen(RateAim(is_true=SAME, recall=0.5)) <= 30


def test_of_equal_recalls_the_more_precise() -> None:
    """From 3 and from 5 inliers all four are found; the latter accepts one false pair less."""
    grid = grid_of()
    pair, table = RateAim(is_true=SAME, precision=0.5).choose(grid, ROWS, strict=True)
    best = table[table["objective"] == table["objective"].max()]["precision"].max()
    assert table["precision"][pair] == best == 0.8


def test_a_precision_out_of_reach() -> None:
    aim = RateAim(is_true=~SAME, precision=0.99)
    with pytest.raises(CheckFailed, match=r"no threshold reaches precision 0\.99: the best is 0\.500"):
        aim.choose(grid_of(), ROWS, strict=True)
    pair, table = aim.choose(grid_of(), ROWS, strict=False)
    assert table["precision"][pair] == table["precision"].max()


@pytest.mark.parametrize("wish", [{}, {"precision": 0.9, "recall": 0.9}, {"precision": 0.0}, {"recall": 1.2}])
def test_exactly_one_wish(wish: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="give either precision or recall"):
        RateAim(is_true=SAME, **wish)


def test_one_kind_is_not_enough() -> None:
    with pytest.raises(ValueError, match="8 labelled rows of one kind only"):
        RateAim(is_true=ROWS, precision=0.9)


def test_figures_by_hand() -> None:
    figures = RateAim(is_true=SAME, precision=0.9).figures(INLIERS >= 9, ROWS)
    assert (figures.name, figures.objective, figures.true_kept, figures.false_kept) == ("recall", 0.75, 0.75, 0.25)
    assert (figures.precision, figures.rows) == (0.75, 8)
    assert RateAim(is_true=SAME, recall=0.9).figures(INLIERS >= 9, ROWS).objective == 0.75
    nothing = RateAim(is_true=SAME, recall=0.9).figures(~ROWS, ROWS)
    assert np.isnan(nothing.objective) and np.isnan(nothing.precision) and nothing.true_kept == 0


def test_figures_of_a_part() -> None:
    figures = RateAim(is_true=SAME, precision=0.9).figures(INLIERS >= 9, np.arange(8) >= 3)
    assert (figures.rows, figures.true_kept, figures.precision, figures.false_kept) == (5, 0.75, 0.75, 1.0)


def test_the_interval_is_that_of_a_slow_bootstrap() -> None:
    """Recall of 40 of 50 independent rows; and twenty copies of every row tell no more than one."""
    is_true, kept = np.arange(100) < 50, np.arange(100) % 50 < 40
    figures = RateAim(is_true=is_true, precision=0.5).figures(kept, np.ones(100, bool))
    generator = np.random.default_rng(7)
    draws = []
    for _ in range(2000):
        rows = generator.integers(0, 100, 100)
        draws.append(kept[rows][is_true[rows]].mean())
    assert figures.interval == pytest.approx(np.quantile(draws, [0.025, 0.975]), abs=0.02)
    copies = np.repeat(np.arange(100), 20)
    units = np.repeat(copies[:, None], 2, axis=1)
    copied = RateAim(is_true=is_true[copies], precision=0.5, units=units).figures(kept[copies], np.ones(2000, bool))
    assert copied.interval == pytest.approx(figures.interval, abs=0.02)
    alone = RateAim(is_true=is_true[copies], precision=0.5).figures(kept[copies], np.ones(2000, bool))
    assert alone.interval[1] - alone.interval[0] < 0.3 * (figures.interval[1] - figures.interval[0])


def test_rows_of_two_units_are_drawn_with_both() -> None:
    """The weight of a row is the product of its units' counts: compared with loops over the units."""
    generator = np.random.default_rng(0)
    units = generator.integers(0, 6, (30, 2))
    aim = RateAim(is_true=np.arange(30) < 15, precision=0.5, units=units, seed=3)
    for weights in list(aim._weights(np.ones(30, bool)))[:5]:
        assert (weights == weights.round()).all()
        # A unit that was not drawn takes all of its rows along.
        gone = {unit for unit in range(6) if not weights[(units == unit).all(axis=1)].any()}
        counts = {unit: weights[(units == unit).all(axis=1)].max(initial=np.nan) for unit in range(6)}
        for (first, second), weight in zip(units, weights, strict=True):
            if first != second and not np.isnan(counts[first]) and not np.isnan(counts[second]):
                assert weight == counts[first] * counts[second]
        assert len(gone) < 6


def test_the_lower_limit_of_wilson() -> None:
    """The root of (share - p)^2 = z^2 p (1 - p) / n, found by bisection."""
    for hits, total in ((9, 10), (50, 60), (185, 185)):
        low, high = 0.0, hits / total
        for _ in range(60):
            p = (low + high) / 2
            outside = (hits / total - p) ** 2 > 1.96**2 * p * (1 - p) / total
            low, high = (p, high) if outside else (low, p)
        assert wilson_low(np.array([hits]), total)[0] == pytest.approx(low, abs=1e-9)


def test_the_objective_sees_the_whole_sample() -> None:
    """Tuned on a part, it is asked about masks of all rows that keep nothing outside of the part."""
    rows, seen = np.arange(8) % 2 == 0, []

    def objective(kept: np.ndarray) -> float:
        seen.append(kept)
        return float((kept & SAME).sum() - (kept & ~SAME).sum())

    aim = ObjectiveAim(objective=objective, is_true=SAME, resamples=2)
    grid = ThresholdGrid.of_one("max_inliers", INLIERS[rows], inlier_boundaries(INLIERS[rows]), keep_unknown=True)
    pair, table = aim.choose(grid, rows, strict=True)
    assert all(len(mask) == 8 and not mask[~rows].any() for mask in seen)
    assert grid.cuts(pair)[0] <= 8
    assert table["objective"].max() == 2


def test_merit_puts_the_wish_first() -> None:
    aim = RateAim(is_true=SAME, precision=0.9)
    safe = aim.figures(INLIERS >= 12, ROWS)
    greedy = aim.figures(INLIERS >= 5, ROWS)
    assert greedy.objective > safe.objective
    assert aim.merit(safe) > aim.merit(greedy)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"min_true_kept": 1.5}, "min_true_kept=1.5: give a share"),
        ({"min_true_kept": 0.0}, "min_true_kept=0.0: give a share"),
        ({"resamples": 1}, "resamples=1: give at least 2"),
    ],
)
def test_bad_options_are_refused(change: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ObjectiveAim(**({"objective": lambda kept: 0.0, "is_true": SAME} | change))
