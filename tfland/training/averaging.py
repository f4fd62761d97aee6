"""The moving average of a network's weights."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import tensorflow as tf


class WeightAverage:
    """An exponential moving average of all weights and of the statistics of batch normalisation.

    average ← d·average + (1 − d)·weight after each step, with d = min(decay, (1 + n) / (10 + n)) at step n, so that the
    random start is soon forgotten (as `tf.train.ExponentialMovingAverage` does with `num_updates`).

    To be made in the strategy's scope, before the first step.

    Args:
        network: the network that trains.
        decay: d of a long run, in (0, 1).

    Attributes:
        variables: the averages, in the order of the network's floating-point variables.
    """

    def __init__(self, network: keras.Model, decay: float) -> None:
        self._decay = decay
        # The states of random generators are whole numbers; they have no average.
        self._sources = [v.value for v in network.variables if keras.backend.is_float_dtype(v.dtype)]
        first = tf.VariableAggregation.ONLY_FIRST_REPLICA
        self.variables = [
            tf.Variable(tf.convert_to_tensor(source), trainable=False, aggregation=first) for source in self._sources
        ]

    def update(self, step: tf.Tensor, strategy: tf.distribute.Strategy) -> None:
        """Takes the weights in, on every replica its own copy; to be called in the cross-replica context.

        Args:
            step: scalar integer, steps that were done before this one.
            strategy: where the variables live.
        """
        done = tf.cast(step, tf.float32)
        rate = 1.0 - tf.minimum(self._decay, (1.0 + done) / (10.0 + done))

        def move(average: Any, source: Any) -> Any:
            return average.assign_add(tf.cast(rate, average.dtype) * (source - average))

        for average, source in zip(self.variables, self._sources, strict=True):
            strategy.extended.update(average, move, args=(source,), group=False)

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Inside, the network holds the averages; afterwards, bit for bit, what it had before."""
        weights = [source.numpy() for source in self._sources]
        self._fill([average.numpy() for average in self.variables])
        try:
            yield
        finally:
            self._fill(weights)

    def _fill(self, values: list[Any]) -> None:
        for source, value in zip(self._sources, values, strict=True):
            source.assign(value)
