"""The moving average against the same by hand."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfland.training.averaging import WeightAverage


def network() -> keras.Model:
    image = keras.Input((2,))
    hidden = keras.layers.Dropout(0.5)(keras.layers.Dense(1, kernel_initializer="zeros")(image))
    return keras.Model(image, keras.layers.BatchNormalization()(hidden))


def test_it_follows_the_weights_slowly_and_soon_forgets_the_start() -> None:
    model = network()
    average = WeightAverage(model, 0.5)
    strategy = tf.distribute.OneDeviceStrategy("/cpu:0")
    expected = 0.0
    for step in range(12):
        model.layers[1].kernel.assign([[step + 1.0], [0.0]])
        average.update(tf.constant(step, tf.int64), strategy)
        decay = min(0.5, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * (step + 1)
    assert average.variables[0].numpy()[0, 0] == pytest.approx(expected, rel=1e-6)


def test_in_use_the_network_holds_it_and_then_its_own_weights_again() -> None:
    model = network()
    average = WeightAverage(model, 0.9)
    # Kernel, bias, and four of batch normalisation; the state of dropout's generator has no average.
    assert len(average.variables) == 6
    assert len(model.variables) == 7
    model.set_weights([np.full(w.shape, 7, w.dtype) for w in model.get_weights()])
    with average.in_use():
        np.testing.assert_array_equal(model.layers[1].kernel.numpy(), 0)
        np.testing.assert_array_equal(model.layers[-1].moving_variance.numpy(), 1)
    assert all((weight == 7).all() for weight in model.get_weights())
