"""The first bad layer is named, wherever the number comes from."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfland.config import LossConfig
from tfland.losses.build import TrainingLoss, build_loss
from tfland.training.nonfinite import bad_variable, first_bad_place
from tfland.training.objective import Objective

BATCH = (np.ones((4, 3), np.uint8), np.array([0, 1, 0, 1], np.int32))
PLAIN = build_loss(LossConfig(), [1, 1])


@keras.saving.register_keras_serializable("tests")
class Reciprocal(keras.layers.Layer):
    def call(self, x: Any) -> Any:
        return 1.0 / keras.ops.maximum(x - 1e30, 0.0)


def network(*layers: keras.Layer) -> keras.Model:
    x = image = keras.Input((3,))
    for layer in layers:
        x = layer(x)
    logits = keras.layers.Dense(2, name="logits")(x)
    return keras.Model(image, {"embedding": x, "logits": logits})


def place(model: keras.Model, loss: TrainingLoss = PLAIN) -> str:
    return first_bad_place(model, Objective(loss, 4), BATCH, num_parts=2)


def test_one_bad_example_is_found_in_a_later_part() -> None:
    @tf.custom_gradient
    def spoil(x: tf.Tensor) -> Any:
        return tf.identity(x), lambda upstream: upstream * np.inf

    calls = iter([lambda x: x, spoil])
    loss = TrainingLoss(lambda labels, logits: PLAIN(labels, next(calls)(logits)))
    assert "the gradient of" in place(network(), loss)


def test_weights_are_looked_at_first() -> None:
    model = network(keras.layers.Dense(3, name="first"), keras.layers.Dense(3, name="second"))
    kernel = model.get_layer("second").kernel
    kernel.assign(np.full((3, 3), np.nan))
    assert place(model) == "the weights of layer 'second' are not finite"
    assert bad_variable(model.variables) == kernel.path
    assert bad_variable(network().variables) is None


def test_then_the_outputs_from_the_image_on() -> None:
    model = network(keras.layers.Dense(3, name="first"), Reciprocal(name="divide"), keras.layers.ReLU(name="after"))
    assert place(model) == "the output of layer 'divide' is the first that is not finite"


def test_then_the_loss() -> None:
    loss = TrainingLoss(lambda labels, logits: logits[:, 0] + np.inf)
    assert "the loss that is made from the logits is not" in place(network(), loss)


def test_then_the_gradients_from_the_loss_back() -> None:
    @tf.custom_gradient
    def spoil(x: tf.Tensor) -> Any:
        return tf.identity(x), lambda upstream: upstream * np.inf

    loss = TrainingLoss(lambda labels, logits: PLAIN(labels, spoil(logits)))
    model = network(keras.layers.Dense(3, name="first"))
    assert place(model, loss) == "the gradient of 'logits/bias' is the first, from the loss back, that is not finite"


def test_a_sound_network_is_called_sound() -> None:
    assert place(network()).startswith("weights, outputs and gradients are finite")


def test_variables_of_tensorflow_and_whole_numbers() -> None:
    sound = [tf.Variable([1, 2]), tf.Variable("text"), tf.Variable([1.0])]
    assert bad_variable(sound) is None
    assert bad_variable([*sound, tf.Variable([np.inf], name="scores")]) == "scores:0"
