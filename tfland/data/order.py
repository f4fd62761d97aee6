"""Which record comes when: position p of the endless sequence of examples as a pure function of (seed, p).

There is no buffer: a stateless permutation (`index_shuffle`, a cipher over 0 … N - 1) gives any position's record at
once, however many records there are, and a run goes on from any position.
"""

from typing import Protocol

import numpy as np
import tensorflow as tf

# What tf.random.experimental.index_shuffle puts before the two numbers of its seed.
_FIRST_KEY = 498247692


class Order(Protocol):
    """Says which record comes at a position."""

    def record_numbers(self, positions: tf.Tensor) -> tf.Tensor:
        """Returns the numbers of the records at [B] int64 positions: [B] int64."""


class EveryPhotograph:
    """Each epoch is its own permutation of all records.

    Args:
        num_records: N.
        seed: of the experiment.
    """

    def __init__(self, num_records: int, seed: int) -> None:
        self._num_records, self._seed = num_records, seed

    def record_numbers(self, positions: tf.Tensor) -> tf.Tensor:
        """Returns the numbers of the records at [B] int64 positions: [B] int64."""
        return _shuffle(positions % self._num_records, self._num_records, self._seed, positions // self._num_records)


class ClassBalanced:
    """Each round is a permutation of the classes, and each class takes its photographs in turn, permuted in every turn.

    Among any C positions that start at a multiple of C every class comes once; over n rounds a class of n photographs
    shows each of them once.

    Args:
        labels: [N] int, the class of each record; classes without a record are left out.
        seed: of the experiment.
    """

    def __init__(self, labels: np.ndarray, seed: int) -> None:
        self._seed = seed
        by_class = np.argsort(labels, kind="stable")
        counts = np.bincount(labels)
        counts = counts[counts > 0]
        self._records = tf.constant(by_class.astype(np.int64))
        self._starts = tf.constant(np.cumsum(counts) - counts, dtype=tf.int64)
        self._counts = tf.constant(counts.astype(np.int64))
        self._num_classes = len(counts)

    def record_numbers(self, positions: tf.Tensor) -> tf.Tensor:
        """Returns the numbers of the records at [B] int64 positions: [B] int64."""
        rounds = positions // self._num_classes
        places = _shuffle(positions % self._num_classes, self._num_classes, self._seed, 2 * rounds)
        counts = tf.gather(self._counts, places)
        # One key for each turn of each class, and odd ones, which the permutations of the classes do not have.
        turns = places + self._num_classes * (rounds // counts)
        photographs = _shuffle(rounds % counts, counts, self._seed, 2 * turns + 1)
        return tf.gather(self._records, tf.gather(self._starts, places) + photographs)


def make_order(sampling: str, num_records: int, labels: np.ndarray | None, seed: int) -> Order:
    """Makes the order for `data.sampling`.

    Args:
        sampling: "all" or "class_balanced".
        num_records: N.
        labels: [N] int, the class of each record; "class_balanced" needs it.
        seed: of the experiment.

    Raises:
        ValueError: labels are needed and not given.
    """
    if sampling == "all":
        return EveryPhotograph(num_records, seed)
    if labels is None:
        raise ValueError(f"data.sampling is {sampling!r}; it needs the labels of the records")
    return ClassBalanced(labels, seed)


def _shuffle(indices: tf.Tensor, counts: tf.Tensor | int, seed: int, keys: tf.Tensor) -> tf.Tensor:
    """Where each of [B] int64 indices goes in a permutation of 0 … counts - 1 that (seed, its key) decides."""
    # The raw operation, because index_shuffle of TensorFlow 2.20 pads the wrong dimension of several seeds.
    seeds = tf.stack(
        [
            tf.fill(tf.shape(keys), tf.constant(_FIRST_KEY, tf.int64)),
            tf.fill(tf.shape(keys), tf.cast(seed, tf.int64)),
            keys,
        ],
        axis=1,
    )
    return tf.raw_ops.RandomIndexShuffle(index=indices, seed=seeds, max_index=tf.cast(counts, tf.int64) - 1, rounds=4)
