import numpy as np
import pandas as pd
import pytest

from delf_verify.cross_validation import held_out_probabilities, splits_of, units_of_pairs, units_of_queries
from delf_verify.probability import PAIR_INPUTS, fit_probability

EVERYTHING = np.ones(60, dtype=bool)


def pairs_of_places(seed: int, places: int = 8, rows: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """Units and labels: half of the pairs are of one place, the others of two."""
    generator = np.random.default_rng(seed)
    units = generator.integers(0, places, (rows, 2))
    units[: rows // 2, 1] = units[: rows // 2, 0]
    return units, units[:, 0] == units[:, 1]


def test_photographs_of_one_place_are_one_unit() -> None:
    """Over others too; those that are only known to differ stay apart."""
    first, second = ["a", "b", "c", "a", "e"], ["b", "c", "d", "e", "f"]
    same = [True, True, False, False, True]
    units = units_of_pairs(first, second, same)
    a, d, e = units[0, 0], units[2, 1], units[4, 0]
    assert units.tolist() == [[a, a], [a, a], [a, d], [a, e], [e, e]]
    assert len({a, d, e}) == 3


def test_named_places_are_units() -> None:
    units = units_of_pairs(["rome", "rome", "bath"], ["rome", "bath", "bath"], [True, False, True])
    assert units[0, 0] == units[0, 1] == units[1, 0] != units[1, 1] == units[2, 0]


def test_predictions_of_one_query_are_one_unit() -> None:
    assert units_of_queries(["q", "r", "q"]).tolist() == [[0, 0], [1, 1], [0, 0]]


@pytest.mark.parametrize("folds", [3, 5, 10])
def test_no_unit_is_on_both_sides_and_every_row_is_tested_once(folds: int) -> None:
    for seed in range(5):
        units, is_true = pairs_of_places(seed)
        splits = splits_of(units, is_true, EVERYTHING, folds=folds, seed=seed)
        for split in splits:
            assert split.test.any() and split.train.any()
            assert not set(units[split.train].ravel()) & set(units[split.test].ravel())
        assert (np.sum([split.test for split in splits], axis=0) == 1).all()


def test_a_part_of_the_sample_is_split_alone() -> None:
    units, is_true = pairs_of_places(1)
    rows = np.arange(60) % 3 > 0
    splits = splits_of(units, is_true, rows, folds=4, seed=0)
    assert np.array_equal(np.sum([split.test for split in splits], axis=0) == 1, rows)
    assert not any((split.train & ~rows).any() for split in splits)


def test_queries_are_dealt_evenly() -> None:
    units = units_of_queries([f"q{n}" for n in range(60)])
    is_true = np.arange(60) < 20
    splits = splits_of(units, is_true, EVERYTHING, folds=10, seed=0)
    assert [int(split.test.sum()) for split in splits] == [6] * 10
    assert {int(split.test[is_true].sum()) for split in splits} == {2}


def test_few_units() -> None:
    one = np.zeros((60, 2), dtype=np.int64)
    assert splits_of(one, np.ones(60, bool), EVERYTHING, folds=5, seed=0) == []
    two = one + (np.arange(60) % 2)[:, None]
    assert len(splits_of(two, np.ones(60, bool), EVERYTHING, folds=5, seed=0)) == 2
    # Nothing can be learnt where the training part has no true row.
    assert len(splits_of(two, np.arange(60) % 2 == 0, EVERYTHING, folds=5, seed=0)) == 1
    with pytest.raises(ValueError, match="folds=1: give at least 2"):
        splits_of(two, np.ones(60, bool), EVERYTHING, folds=1, seed=0)


def test_the_seed_deals_the_units() -> None:
    units, is_true = units_of_queries([f"q{n}" for n in range(60)]), np.arange(60) % 2 == 0
    tests = [
        [split.test.tolist() for split in splits_of(units, is_true, EVERYTHING, folds=4, seed=seed)]
        for seed in (0, 0, 1)
    ]
    assert tests[0] == tests[1] != tests[2]


def test_held_out_probabilities_come_from_the_others() -> None:
    units, is_true = pairs_of_places(3)
    generator = np.random.default_rng(3)
    table = pd.DataFrame(generator.random((60, 3)), columns=list(PAIR_INPUTS))
    table["num_inliers"] = generator.integers(0, 10, 60) + 5.0 * is_true
    table.loc[7, "spread"] = np.nan
    splits = splits_of(units, is_true, EVERYTHING, folds=4, seed=0)
    found = held_out_probabilities(table, is_true, PAIR_INPUTS, "logistic", splits)
    assert np.flatnonzero(np.isnan(found)).tolist() == [7]
    for row in (0, 20, 59):
        (split,) = (split for split in splits if split.test[row])
        model = fit_probability(table[split.train], is_true[split.train], PAIR_INPUTS)
        assert found[row] == model.predict(table.iloc[[row]])[0]


def test_labels_of_a_row_do_not_reach_its_own_probability() -> None:
    units = units_of_queries([f"q{n}" for n in range(60)])
    table = pd.DataFrame(np.random.default_rng(4).random((60, 3)), columns=list(PAIR_INPUTS))
    is_true = np.arange(60) % 2 == 0
    # Folds are dealt by the labels: the same splits for both.
    splits = splits_of(units, is_true, EVERYTHING, folds=5, seed=0)
    turned = is_true.copy()
    turned[splits[0].test] = ~turned[splits[0].test]
    first, second = (
        held_out_probabilities(table, labels, PAIR_INPUTS, "logistic", splits) for labels in (is_true, turned)
    )
    assert np.array_equal(first[splits[0].test], second[splits[0].test])
    assert not np.array_equal(first, second)


@pytest.mark.parametrize(("num_true", "num_false"), [(49, 90), (45, 94), (3, 97), (101, 7)])
def test_every_fold_has_its_share_of_either_kind(num_true: int, num_false: int) -> None:
    """Also where the true ones do not divide evenly: then one fold must not draw all of the false ones."""
    is_true = np.arange(num_true + num_false) < num_true
    units = units_of_queries([f"q{number}" for number in range(len(is_true))])
    splits = splits_of(units, is_true, np.ones(len(is_true), dtype=bool), folds=5, seed=0)
    assert len(splits) == 5
    for kind in (is_true, ~is_true):
        counts = [int(np.count_nonzero(split.test & kind)) for split in splits]
        assert max(counts) - min(counts) <= 2
