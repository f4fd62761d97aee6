"""Orders are permutations that (seed, position) alone decides."""

import numpy as np
import pytest
import tensorflow as tf

from tfland.data.order import ClassBalanced, EveryPhotograph, make_order


def numbers(order: object, first: int, count: int) -> np.ndarray:
    return order.record_numbers(tf.range(first, first + count, dtype=tf.int64)).numpy()  # type: ignore[attr-defined]


@pytest.mark.parametrize("num_records", [1, 2, 7, 1000])
def test_every_photograph_comes_once_an_epoch(num_records: int) -> None:
    found = numbers(EveryPhotograph(num_records, 5), 0, 3 * num_records).reshape(3, num_records)
    assert (np.sort(found, axis=1) == np.arange(num_records)).all()
    if num_records == 1000:
        assert (found[0] != found[1]).mean() > 0.9


def test_a_permutation_is_that_of_index_shuffle_one_at_a_time() -> None:
    key = tf.constant([5, 2], tf.int64)
    expected = [int(tf.random.experimental.index_shuffle(tf.constant(i, tf.int64), key, 9)) for i in range(10)]
    assert numbers(EveryPhotograph(10, 5), 20, 10).tolist() == expected


@pytest.mark.parametrize("sampling", ["all", "class_balanced"])
def test_any_part_of_the_sequence_can_be_had_alone(sampling: str) -> None:
    labels = np.repeat([0, 1, 3], [5, 1, 9])
    order = make_order(sampling, len(labels), labels, 3)
    whole = numbers(order, 0, 200)
    np.testing.assert_array_equal(numbers(order, 77, 50), whole[77:127])
    assert (numbers(make_order(sampling, len(labels), labels, 4), 0, 200) != whole).any()


def test_balanced_classes_come_equally_often_and_their_photographs_in_turn() -> None:
    rng = np.random.default_rng(0)
    labels = rng.permutation(np.repeat([0, 1, 2, 4], [1, 2, 5, 30]))
    found = numbers(ClassBalanced(labels, 1), 0, 4 * 60)
    rounds = labels[found].reshape(60, 4)
    assert (np.sort(rounds, axis=1) == [0, 1, 2, 4]).all()
    assert len({tuple(row) for row in rounds}) > 10
    for label, count in ((0, 1), (1, 2), (2, 5), (4, 30)):
        turns = found[labels[found] == label].reshape(60 // count, count)
        assert (np.sort(turns, axis=1) == np.flatnonzero(labels == label)).all()
    turns = found[labels[found] == 4].reshape(2, 30)
    assert (turns[0] != turns[1]).any()


def test_balancing_needs_the_labels() -> None:
    with pytest.raises(ValueError, match=r"data.sampling is 'class_balanced'; it needs the labels"):
        make_order("class_balanced", 5, None, 0)
