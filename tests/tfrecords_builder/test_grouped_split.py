import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfrecords_builder.splits import SplitPlan, assign_splits, parse_plan

SEED_002 = SplitPlan(names=("train", "validation", "test"), fractions=(0.72, 0.18, 0.10))


def catalogue(landmarks: list[int]) -> pd.DataFrame:
    return pd.DataFrame({"id": [f"p{number}" for number in range(len(landmarks))], "landmark_id": landmarks})


def grouped(*sizes: int, alone: int) -> np.ndarray:
    """Groups 0, 1 … of these sizes, then photographs alone."""
    return np.concatenate([np.repeat(np.arange(len(sizes)), sizes), np.full(alone, -1)]).astype(np.int64)


@st.composite
def cases(draw):
    landmarks = draw(st.lists(st.integers(0, 6), min_size=1, max_size=80))
    groups = draw(st.lists(st.integers(-1, 12), min_size=len(landmarks), max_size=len(landmarks)))
    return catalogue(landmarks), np.array(groups, np.int64)


@settings(deadline=None)
@given(cases(), st.sampled_from([SEED_002, SplitPlan(folds=4), parse_plan(["test=class-size"])]))
def test_groups_are_whole_and_every_photograph_has_a_part(case, plan):
    table, groups = case
    parts = assign_splits(table, plan, 0, groups)
    assert set(parts) <= set(range(len(plan.all_names)))
    for group in set(groups) - {-1}:
        assert len(set(parts[groups == group])) == 1


@settings(deadline=None)
@given(cases())
def test_every_class_can_be_trained(case):
    table, groups = case
    parts = assign_splits(table, SEED_002, 0, groups)
    assert set(table["landmark_id"][parts == 0]) == set(table["landmark_id"])


@settings(deadline=None)
@given(st.lists(st.integers(2, 6), min_size=1, max_size=6), st.integers(0, 40))
def test_a_class_of_three_units_and_more_is_in_every_part(sizes, alone):
    groups = grouped(*sizes, alone=alone)
    parts = assign_splits(catalogue([5] * len(groups)), SEED_002, 0, groups)
    units = len(sizes) + alone
    assert len(set(parts)) == (3 if units >= 3 else len(set(parts)))
    assert 0 in parts


def test_without_near_duplicates_nothing_changes():
    table = catalogue([1] * 30 + [2] * 7 + [3])
    alone = np.full(len(table), -1)
    assert (assign_splits(table, SEED_002, 3, alone) == assign_splits(table, SEED_002, 3)).all()


def test_a_class_of_duplicates_alone_is_trained():
    parts = assign_splits(catalogue([1] * 9), SEED_002, 0, grouped(9, alone=0))
    assert set(parts) == {0}


def test_totals_hold_in_spite_of_groups():
    rng = np.random.default_rng(0)
    landmarks = np.repeat(np.arange(400), rng.integers(6, 120, 400))
    groups = np.where(rng.random(len(landmarks)) < 0.3, np.arange(len(landmarks)) // 3, -1)
    shares = np.bincount(assign_splits(catalogue(landmarks.tolist()), SEED_002, 0, groups)) / len(landmarks)
    assert shares == pytest.approx(SEED_002.fractions, rel=0.02)


def test_rows_may_stand_in_any_order_and_groups_may_have_any_number():
    rng = np.random.default_rng(1)
    table = catalogue(rng.integers(0, 5, 200).tolist())
    groups = rng.integers(-1, 30, 200)
    expected = dict(zip(table["id"], assign_splits(table, SEED_002, 7, groups), strict=True))
    order = rng.permutation(200)
    renamed = np.where(groups < 0, -1, 29 - groups)
    found = assign_splits(table.iloc[order], SEED_002, 7, renamed[order])
    assert dict(zip(table["id"].iloc[order], found, strict=True)) == expected
