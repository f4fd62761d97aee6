import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfrecords_builder.ids import MAX_ID_LENGTH, hash_ids, shuffled_order, validate_id


@pytest.mark.parametrize("text", ["17660ef415d37059", "IMG_2020-01.02", "a", "_x", "9" * MAX_ID_LENGTH])
def test_safe_ids(text):
    assert validate_id(text) == text


@pytest.mark.parametrize(
    "text",
    ["", "../../etc/passwd", "a/b", "a\\b", ".hidden", "-rf", "a..b", "a.", "a b", "a\x00", "a\n", "é", "9" * 129],
)
def test_ids_that_could_lead_elsewhere_are_refused(text):
    with pytest.raises(ValueError, match="cannot be a file name"):
        validate_id(text)


def test_numbers_are_pinned():
    # They decide where an image is: changing them would move every image of every build.
    assert hash_ids(["17660ef415d37059", "b"], 7, "shard").tolist() == [2843783138016153354, 14153468549527286812]


def test_numbers_do_not_depend_on_the_process():
    code = "from tfrecords_builder.ids import hash_ids; print(hash_ids(['a'], 1, 'x')[0])"
    other = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": "5"}
    )
    assert int(other.stdout) == hash_ids(["a"], 1, "x")[0]


def test_purposes_and_seeds_are_independent():
    ids = [str(number) for number in range(4000)]
    first = hash_ids(ids, 0, "shard") % np.uint64(8)
    for second in (hash_ids(ids, 0, "place") % np.uint64(8), hash_ids(ids, 1, "shard") % np.uint64(8)):
        # 64 cells of 62.5 each; chi-squared with 63 degrees of freedom exceeds 120 once in 50,000 times.
        counts = np.bincount((first * np.uint64(8) + second).astype(int), minlength=64)
        assert ((counts - 62.5) ** 2 / 62.5).sum() < 120


def test_groups_stay_together_and_their_order_is_that_of_the_ids():
    ids, groups = list("abcdefgh"), np.array([1, 0, 1, 0, 1, 0, 1, 0])
    order = shuffled_order(ids, groups, 0, "place")
    assert groups[order].tolist() == [0] * 4 + [1] * 4
    mixed = np.array([3, 1, 0, 7, 6, 2, 5, 4])
    again = shuffled_order([ids[row] for row in mixed], groups[mixed], 0, "place")
    assert mixed[again].tolist() == order.tolist()


@given(
    st.lists(st.one_of(st.integers(-3, 3), st.integers(-(2**63), 2**63 - 1)), max_size=40),
    st.sampled_from([None, 2, 2**63]),
)
def test_the_order_is_that_of_groups_then_numbers(groups, modulus):
    ids = [f"p{number}" for number in range(len(groups))]
    found = np.array(groups, np.int64)
    if modulus:
        found = found.astype(np.uint64) % np.uint64(modulus)
    numbers = hash_ids(ids, 0, "x")
    assert shuffled_order(ids, found, 0, "x").tolist() == np.lexsort((numbers, found)).tolist()


def test_numbers_that_differ_in_their_low_bits_alone(monkeypatch):
    monkeypatch.setattr(
        "tfrecords_builder.ids.hash_ids", lambda ids, *_: np.arange(len(ids), dtype=np.uint64)[::-1].copy()
    )
    assert shuffled_order(list("abcd"), np.array([9, 0, 9, 0]), 0, "x").tolist() == [3, 1, 2, 0]


def test_ids_decide_where_numbers_collide(monkeypatch):
    monkeypatch.setattr("tfrecords_builder.ids.hash_ids", lambda ids, *_: np.zeros(len(ids), np.uint64))
    assert shuffled_order(["c", "a", "b"], np.array([0, 0, 0]), 0, "x").tolist() == [1, 2, 0]


def test_no_ids():
    assert hash_ids([], 0, "shard").shape == (0,)
