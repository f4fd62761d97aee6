"""One evaluation against the same by hand."""

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfland.config import ExperimentConfig, LossConfig
from tfland.losses.build import build_loss
from tfland.training.evaluation import Evaluator, Split, allowed_classes

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
    config = make_config(Path("s"), training={"batch_size": 3})
    with strategy.scope():
        network = linear_network()
        network.set_weights([np.array([[5, 4, 3, 2, 1, 0], [0] * 6, [0] * 6], np.float32)])
    # The red value scales logits 5, 4, 3, 2, 1, 0: class 0 always wins, the surer the larger it is.
    red = np.array([3, 1, 2, 0, 0, 0], np.uint8)
    images = np.zeros((6, 1, 1, 3), np.uint8)
    images[:, 0, 0, 0] = red
    labels = np.array([0, 5, 1, -1, -1, -1], np.int32)
    dataset = tf.data.Dataset.from_tensor_slices((images, labels)).batch(3)
    split = Split(batches=dataset, labels=labels[:4].astype(np.int64))
    scores = Evaluator(network, build_loss(LossConfig(), [1] * 6), config, strategy, split).evaluate()
    logits = red[:3, None] * np.arange(5.0, -1.0, -1.0)
    losses = np.log(np.exp(logits).sum(axis=1)) - logits[[0, 1, 2], [0, 5, 1]]
    assert scores["loss"] == pytest.approx(losses.mean(), rel=1e-5)
    assert scores["top1"] == pytest.approx(1 / 3)
    assert scores["top5"] == pytest.approx(2 / 3)
    # Ranked: photograph 0 (right), 2, 1, 3; three show a landmark: GAP = 1/3 · 1.
    assert scores["gap"] == pytest.approx(1 / 3)
    assert set(scores) == {"loss", "top1", "top5", "gap"}


def test_knn_by_hand(make_config: MakeConfig, strategy: tf.distribute.Strategy) -> None:
    """The embedding is the pixel itself; four queries against an index of three and its filling copy."""
    queries = np.array([[9, 0, 0], [0, 9, 0], [5, 5, 0], [0, 0, 9]], np.uint8).reshape(4, 1, 1, 3)
    index = np.array([[1, 0, 0], [0, 4, 0], [4, 3, 0], [4, 3, 0]], np.uint8).reshape(4, 1, 1, 3)
    config = make_config(Path("s"), training={"batch_size": 2})
    with strategy.scope():
        network = linear_network()
    labels, index_labels = np.array([0, 1, 3, -1]), np.array([0, 1, 2])

    def split(images: np.ndarray, truth: np.ndarray) -> Split:
        filled = np.resize(truth, len(images)).astype(np.int32)
        return Split(batches=tf.data.Dataset.from_tensor_slices((images, filled)).batch(2), labels=truth)

    evaluator = Evaluator(
        network, build_loss(LossConfig(), [1] * 6), config, strategy, split(queries, labels), split(index, index_labels)
    )
    # Cosines 1, 1, 0.99 and 0: two right ones first, then the wrong one of class 2; three show a landmark.
    assert evaluator.evaluate()["knn_gap"] == pytest.approx(2 / 3)


def test_the_hosts_filter_allows_what_the_validation_shows(make_config: MakeConfig) -> None:
    labels = np.array([3, 0, -1, 3])
    assert allowed_classes(make_config(Path("s")), labels, 5).tolist() == [True, False, False, True, False]
    assert allowed_classes(make_config(Path("s"), training={"class_filter": False}), labels, 5).all()


def test_the_filter_changes_gap_alone(make_config: MakeConfig, strategy: tf.distribute.Strategy) -> None:
    images = np.full((2, 1, 1, 3), 1, np.uint8)
    labels = np.array([1, 1])
    with strategy.scope():
        network = linear_network()
        network.set_weights([np.array([[5, 4, 3, 2, 1, 0], [0] * 6, [0] * 6], np.float32)])
    split = Split(batches=tf.data.Dataset.from_tensors((images, labels.astype(np.int32))), labels=labels)
    scores = {}
    for filtered in (True, False):
        config = make_config(Path("s"), training={"batch_size": 2, "class_filter": filtered})
        scores[filtered] = Evaluator(network, build_loss(LossConfig(), [1] * 6), config, strategy, split).evaluate()
    # Class 0 always wins, but no validation photograph shows it: without it the runner-up, class 1, is right.
    assert (scores[True]["gap"], scores[False]["gap"]) == (1.0, 0.0)
    assert {**scores[True], "gap": 0.0} == scores[False]
