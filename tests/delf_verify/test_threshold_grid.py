import numpy as np
import pytest

from delf_verify.threshold_grid import ThresholdGrid, boundaries, inlier_boundaries, probability_boundaries

LARGEST = np.array([4.0, 9.0, 30.0, np.nan, 9.0])
MEAN = np.array([1.0, 6.0, 2.0, np.nan, 0.5])


def test_boundaries_split_every_neighbour() -> None:
    values = np.array([3.0, 3.0, 7.0, np.nan, 20.0])
    assert boundaries(values, whole=True).tolist() == [0, 5, 14, 21]
    assert boundaries(values, whole=False).tolist() == [0, 5, 13.5, 20]


def test_many_values_are_thinned_out_to_the_ends() -> None:
    cuts = boundaries(np.arange(1000.0), whole=True)
    assert len(cuts) == 48 and cuts[0] == 0 and cuts[-1] == 1000
    assert len(inlier_boundaries(np.arange(500.0))) == 501


def test_probabilities_are_split_on_readable_numbers() -> None:
    cuts = probability_boundaries(np.array([0.2, 0.7, np.nan, 0.7, 0.70001]))
    assert cuts.tolist() == [0.0, 0.45, 0.7, 1.0]
    assert probability_boundaries(np.array([np.nan])).tolist() == [0.0, 1.0]


@pytest.mark.parametrize("keep_unknown", [False, True])
def test_every_pair_keeps_what_the_rule_keeps(keep_unknown: bool) -> None:
    """Row by row, and the counts of the sweep with it."""
    grid = ThresholdGrid.of_inliers(LARGEST, MEAN, keep_unknown=keep_unknown)
    is_true = np.array([False, True, True, True, False])
    table = grid.sweep(is_true)
    assert len(table) == len(grid) > 10
    for pair, row in enumerate(table.itertuples()):
        rule = [
            keep_unknown if np.isnan(x) else x >= row.max_inliers or m > row.mean_inliers
            for x, m in zip(LARGEST, MEAN, strict=True)
        ]
        assert grid.kept(pair).tolist() == rule
        assert grid.cuts(pair) == (row.max_inliers, row.mean_inliers)
        kept = np.array(rule)
        assert (row.num_true, row.num_false) == (kept[is_true].sum(), kept[~is_true].sum())
        assert (row.true_kept, row.false_kept) == (kept[is_true].mean(), kept[~is_true].mean())
        assert row.precision == (is_true[kept].mean() if kept.any() else 0)


def test_one_threshold() -> None:
    grid = ThresholdGrid.of_one("max_inliers", LARGEST, inlier_boundaries(LARGEST), keep_unknown=False)
    assert next(iter(grid.sweep(np.ones(5, bool)))) == "max_inliers"
    assert "mean_inliers" not in grid.sweep(np.ones(5, bool))
    assert [grid.kept(pair).sum() for pair in range(len(grid))] == [4, 3, 1, 0]
