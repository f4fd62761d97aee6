"""One evaluation against the same by hand."""

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfland.config import ExperimentConfig, LossConfig
from tfland.losses.build import build_loss
from tfland.training.evaluation import Evaluator

MakeConfig = Callable[..., ExperimentConfig]


@pytest.fixture
def strategy() -> tf.distribute.Strategy:
    return tf.distribute.OneDeviceStrategy("/cpu:0")


def linear_network(num_classes: int = 6) -> keras.Model:
    """Logits that are a linear map of one pixel, so that its gradient can be written down."""
    image = keras.Input((1, 1, 3))
    flat = keras.layers.Flatten()(image)
    logits = keras.layers.Dense(num_classes, use_bias=False, kernel_initializer="zeros")(flat)
    return keras.Model(image, {"embedding": flat, "logits": logits})


def test_an_evaluation_by_hand(make_config: MakeConfig, strategy: tf.distribute.Strategy) -> None:
    """Six classes, three photographs with a landmark, one without, filled up to two batches of three."""
    config = make_config(Path("s"))
    with strategy.scope():
        network = linear_network()
        network.set_weights([np.array([[5, 4, 3, 2, 1, 0], [0] * 6, [0] * 6], np.float32)])
    # The red value scales logits 5, 4, 3, 2, 1, 0: class 0 always wins, the surer the larger it is.
    red = np.array([3, 1, 2, 0, 0, 0], np.uint8)
    images = np.zeros((6, 1, 1, 3), np.uint8)
    images[:, 0, 0, 0] = red
    labels = np.array([0, 5, 1, -1, -1, -1], np.int32)
    dataset = tf.data.Dataset.from_tensor_slices((images, labels)).batch(3)
    evaluator = Evaluator(network, build_loss(LossConfig(), [1] * 6), config, strategy, dataset)
    scores = evaluator.evaluate(labels[:4].astype(np.int64))
    logits = red[:3, None] * np.arange(5.0, -1.0, -1.0)
    losses = np.log(np.exp(logits).sum(axis=1)) - logits[[0, 1, 2], [0, 5, 1]]
    assert scores["loss"] == pytest.approx(losses.mean(), rel=1e-5)
    assert scores["top1"] == pytest.approx(1 / 3)
    assert scores["top5"] == pytest.approx(2 / 3)
    # Ranked: photograph 0 (right), 2, 1, 3; three show a landmark: GAP = 1/3 · 1.
    assert scores["gap"] == pytest.approx(1 / 3)
