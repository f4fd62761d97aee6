"""How long training waits for its input."""

import time
from typing import Any

import numpy as np
import tensorflow as tf


def timed_next(iterator: Any, waited_seconds: tf.Variable) -> Any:
    """The next batch, inside a tf.function; adds the seconds until it was there to `waited_seconds`, float64."""
    started = _clock()
    with tf.control_dependencies([started]):
        batch = next(iterator)
    with tf.control_dependencies(tf.nest.flatten(batch, expand_composites=True)):
        waited_seconds.assign_add(_clock() - started)
    return batch


def _clock() -> tf.Tensor:
    # Python's clock, since `tf.timestamp` is refused under op determinism; 0.1 ms a call.
    return tf.ensure_shape(tf.numpy_function(lambda: np.float64(time.perf_counter()), [], tf.float64), [])
