import hashlib

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfrecords_builder.catalog import read_photographs
from tfrecords_builder.splits import (
    ONLY_TRAIN,
    SplitPlan,
    apportion,
    assign_splits,
    parse_plan,
    split_photographs,
)

SEED_002 = SplitPlan(names=("train", "validation", "test"), fractions=(0.72, 0.18, 0.10))


def catalogue(sizes: list[int]) -> pd.DataFrame:
    landmarks = np.repeat(np.arange(len(sizes)) * 3, sizes)
    return pd.DataFrame({"id": [f"p{number}" for number in range(len(landmarks))], "landmark_id": landmarks})


@given(st.lists(st.integers(1, 300), min_size=1, max_size=60))
def test_every_photograph_is_in_one_part_and_large_classes_in_all(sizes):
    counts = apportion(np.array(sizes), SEED_002)
    assert counts.sum(axis=1).tolist() == sizes
    assert (counts[:, 0] >= 1).all()
    assert (counts[np.array(sizes) >= 3] >= 1).all()


@given(st.lists(st.integers(6, 300), min_size=1, max_size=60))
def test_no_class_is_far_from_its_fractions(sizes):
    counts = apportion(np.array(sizes), SEED_002)
    assert (np.abs(counts - np.outer(sizes, SEED_002.fractions)) < 3).all()


def test_apportionment_by_hand():
    # 10: quotas 7.2, 1.8, 1.0 -> floors 7, 1, 1; the remaining one goes to validation (.8): 7, 2, 1.
    # Owed then: .2, -.2, 0. Again 10: quotas 7.4, 1.6, 1.0 -> 7, 2, 1; owed .4, -.4, 0.
    # Again: 7.6, 1.4, 1.0 -> floors 7, 1, 1; the remaining one goes to train (.6): 8, 1, 1.
    counts = apportion(np.array([10, 10, 10]), SEED_002)
    assert counts.tolist() == [[7, 2, 1], [7, 2, 1], [8, 1, 1]]


def test_totals_hold_on_a_long_tail_like_that_of_gldv2():
    # Seed 002: 57,042 classes of 6 and more photographs, the largest 6,272, in 72/18/10: within 1 %.
    rng = np.random.default_rng(0)
    sizes = np.clip((rng.pareto(1.1, 57_042) * 6 + 6).astype(int), 6, 6272)
    counts = apportion(sizes, SEED_002)
    assert np.abs(counts.sum(axis=0) / sizes.sum() / SEED_002.fractions - 1).max() < 0.01
    assert (counts >= 1).all()


def test_small_classes_share_out_what_they_are_owed():
    totals = apportion(np.full(5000, 2), SEED_002).sum(axis=0)
    assert np.abs(totals / 10_000 - SEED_002.fractions).max() < 0.001


def test_rule_of_seed_003():
    plan = parse_plan(["test=class-size"])
    sizes = np.array([1, 2, 3, 9, 10, 29, 30, 100, 101, 150, 1000])
    # 25 % of 1, 2, 3, 9 = .25, .5, .75, 2.25; 5 % of 10, 29, 30, 100 = .5, 1.45, 1.5, 5; 1 % of the rest.
    assert apportion(sizes, plan)[:, -1].tolist() == [0, 1, 1, 2, 1, 1, 2, 5, 1, 2, 10]


def test_rule_of_seed_003_and_a_fraction_of_the_rest():
    plan = parse_plan(["validation=0.2", "test=class-size"])
    assert plan.all_names == ("train", "validation", "test")
    assert apportion(np.array([100]), plan).tolist() == [[76, 19, 5]]


def test_rows_may_stand_in_any_order():
    table = catalogue([1, 2, 5, 30, 200])
    mixed = table.sample(frac=1, random_state=1)
    expected = dict(zip(table["id"], assign_splits(table, SEED_002, 7), strict=True))
    assert dict(zip(mixed["id"], assign_splits(mixed, SEED_002, 7), strict=True)) == expected


def test_the_seed_decides():
    table = catalogue([50])
    first, again, other = (assign_splits(table, SEED_002, seed) for seed in (0, 0, 1))
    assert (first == again).all()
    assert (first != other).any()


def test_counts_are_those_that_were_apportioned():
    table = catalogue([1, 4, 17, 90])
    parts = assign_splits(table, SEED_002, 0)
    found = pd.crosstab(table["landmark_id"], parts).to_numpy()
    assert found.tolist() == apportion(np.array([1, 4, 17, 90]), SEED_002).tolist()


def test_parts_have_no_photograph_in_common():
    parts = split_photographs(catalogue([9, 9, 1]), SEED_002, 0)
    ids = [image_id for rows in parts.values() for image_id in rows["id"]]
    assert list(parts) == ["train", "validation", "test"]
    assert len(ids) == len(set(ids)) == 19
    assert all(rows.index.tolist() == list(range(len(rows))) for rows in parts.values())


def test_parts_are_pinned(tmp_path):
    # Another part for any photograph would leak tested ones into training: a faster split must be the same split.
    rng = np.random.default_rng(5)
    landmarks = np.sort((rng.pareto(1.1, 3000) * 20).astype(int))
    ids = [f"{number * 0x9E3779B97F4A7C15 % 2**64:016x}" for number in range(3000)]
    path = tmp_path / "train.csv"
    path.write_text(
        "id,url,landmark_id\n" + "".join(f'{i},"http://x/,{i}",{n}\n' for i, n in zip(ids, landmarks, strict=True))
    )
    parts = split_photographs(read_photographs(path), SEED_002, 11)
    text = "".join(f"{name} {rows['id'].tolist()} {rows['landmark_id'].tolist()}" for name, rows in parts.items())
    assert (
        hashlib.sha256(text.encode()).hexdigest() == "6c61bca84e478bb100bdbec6d3678682cb0abbac53ba3b9936411fa09a4c88b9"
    )


def test_one_part_takes_all():
    table = catalogue([3, 2])
    assert split_photographs(table, ONLY_TRAIN, 0)["train"].equals(table)


@pytest.mark.parametrize(
    ("arguments", "names", "fractions"),
    [
        ([], ("train",), (1.0,)),
        (["index"], ("index",), (1.0,)),
        (["validation=0.1"], ("train", "validation"), (0.9, 0.1)),
        (["validation=0.18", "test=0.10"], ("train", "validation", "test"), (0.72, 0.18, 0.10)),
        (["test=0.5", "train=0.5"], ("train", "test"), (0.5, 0.5)),
        (["a=0.5", "b=0.5"], ("a", "b"), (0.5, 0.5)),
    ],
)
def test_plans_from_arguments(arguments, names, fractions):
    plan = parse_plan(arguments)
    assert plan.names == names
    assert plan.fractions == pytest.approx(fractions)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["validation=ten"], "expected NAME=FRACTION such as validation=0.1"),
        (["validation=0.1", "test"], "--split 'test': expected NAME=FRACTION"),
        (["validation=0.1", "validation=0.2"], "split 'validation' is given twice"),
        (["a=class-size", "b=class-size"], "--split 'b=class-size'"),
        (["validation=0"], "split validation=0.0: the fraction must be above 0"),
        (["validation=nan"], "the fraction must be above 0"),
        (["validation=1.5"], "split validation=1.5"),
        (["a=0.7", "b=0.7"], "add up to 1.4"),
        (["train=0.5", "test=0.2"], "add up to 0.7"),
        (["../x=0.1"], "use lower-case letters"),
        (["train=class-size"], "a name occurs twice"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        parse_plan(arguments)


def test_names_and_fractions_must_match():
    with pytest.raises(ValueError, match="2 split names but 1 fractions"):
        SplitPlan(names=("a", "b"), fractions=(1.0,))
