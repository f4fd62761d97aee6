"""One step against the same by hand."""

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfland.config import ExperimentConfig, LossConfig
from tfland.losses.build import build_loss
from tfland.training.trainer import CORRECT, EXAMPLES, LOSS, Trainer

MakeConfig = Callable[..., ExperimentConfig]
RATE = 0.1


@pytest.fixture
def strategy() -> tf.distribute.Strategy:
    return tf.distribute.OneDeviceStrategy("/cpu:0")


def linear_network(num_classes: int = 6) -> keras.Model:
    """Logits that are a linear map of one pixel, so that its gradient can be written down."""
    image = keras.Input((1, 1, 3))
    flat = keras.layers.Flatten()(image)
    logits = keras.layers.Dense(num_classes, use_bias=False, kernel_initializer="zeros")(flat)
    return keras.Model(image, {"embedding": flat, "logits": logits})


def test_a_step_follows_the_mean_gradient(make_config: MakeConfig, strategy: tf.distribute.Strategy) -> None:
    config = make_config(Path("s"), optimizer={"name": "sgd", "momentum": 0.0, "weight_decay": 0.0})
    images = np.arange(12, dtype=np.uint8).reshape(4, 1, 1, 3)
    labels = np.array([0, 1, 2, 0], np.int32)
    with strategy.scope():
        network = linear_network()
    trainer = Trainer(network, build_loss(LossConfig(), [1] * 6), RATE, config, strategy)
    trainer.train_dataset = tf.data.Dataset.from_tensors((images, labels))
    trainer.train(tf.constant(1))
    # All logits are 0, so every class has probability 1/6: the gradient is x ⊗ (1/6 - onehot), averaged.
    flat, wanted = images.reshape(4, 3).astype(np.float64), np.eye(6)[labels]
    np.testing.assert_allclose(network.get_weights()[0], -RATE * flat.T @ (1 / 6 - wanted) / 4, atol=1e-6)
    totals = trainer.totals.numpy()
    assert totals[LOSS] == pytest.approx(4 * np.log(6))
    assert totals[CORRECT] == 2
    assert totals[EXAMPLES] == 4
    assert trainer.step == 1
    assert trainer.bad_step.numpy() == -1


def test_the_auxiliary_loss_counts_for_the_gradients_alone(
    make_config: MakeConfig, strategy: tf.distribute.Strategy
) -> None:
    config = make_config(Path("s"), optimizer={"name": "sgd", "momentum": 0.0, "weight_decay": 0.0})
    images = np.arange(12, dtype=np.uint8).reshape(4, 1, 1, 3)
    labels = np.array([0, 1, 2, 0], np.int32)
    with strategy.scope():
        plain = linear_network()
        beside = keras.layers.Dense(6, use_bias=False, kernel_initializer="zeros")
        network = keras.Model(plain.input, {**plain.output, "auxiliary_logits": beside(plain.output["embedding"])})
    trainer = Trainer(network, build_loss(LossConfig(), [1] * 6), RATE, config, strategy)
    trainer.train_dataset = tf.data.Dataset.from_tensors((images, labels))
    trainer.train(tf.constant(1))
    # Both start from zeros, so their gradients are the same but for the weight.
    logits_kernel, auxiliary_kernel = plain.trainable_variables[0].numpy(), beside.kernel.numpy()
    np.testing.assert_allclose(auxiliary_kernel, 0.4 * logits_kernel, rtol=1e-5, atol=1e-7)
    assert np.abs(logits_kernel).max() > 0
    assert trainer.totals[LOSS].numpy() == pytest.approx(4 * np.log(6), rel=1e-5)


def test_a_loss_that_is_not_finite_is_remembered(make_config: MakeConfig, strategy: tf.distribute.Strategy) -> None:
    config = make_config(Path("s"))
    with strategy.scope():
        network = linear_network()
    trainer = Trainer(network, build_loss(LossConfig(), [1] * 6), 1e38, config, strategy)
    batch = (np.full((4, 1, 1, 3), 255, np.uint8), np.zeros(4, np.int32))
    trainer.train_dataset = tf.data.Dataset.from_tensors(batch).repeat(4)
    trainer.train(tf.constant(4))
    assert trainer.bad_step.numpy() == 1
