"""Losses by configuration, and the probabilities that belong to them."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tfland.config import LossConfig
from tfland.config_io import config_from_dict, config_to_dict
from tfland.losses import (
    arcface,
    build_loss,
    cross_entropy,
    dynamic_margins,
    effective_number_weights,
    ldam,
    ldam_margins,
    log_weights,
    probabilities,
)

LABELS = np.array([1, 0])
COSINES = np.array([[0.5, -0.2, 0.1], [0.9, 0.8, -1.0]], np.float32)


def test_softmax_takes_its_smoothing() -> None:
    loss = build_loss(LossConfig(name="softmax", label_smoothing=0.1), [5, 2, 9])
    np.testing.assert_allclose(np.asarray(loss(LABELS, COSINES)), np.asarray(cross_entropy(LABELS, COSINES, 0.1)))


def test_arcface_takes_its_scale_and_margin() -> None:
    loss = build_loss(LossConfig(name="arcface", scale=20.0, margin=0.4), [5, 2, 9])
    expected = arcface(LABELS, COSINES, scale=20.0, margin=0.4)
    np.testing.assert_allclose(np.asarray(loss(LABELS, COSINES)), np.asarray(expected))


def test_one_loss_for_each_example() -> None:
    for name in ("softmax", "arcface"):
        assert np.asarray(build_loss(LossConfig(name=name), [1, 1, 1])(LABELS, COSINES)).shape == (2,)


def test_warns_of_classes_without_photographs(caplog: pytest.LogCaptureFixture) -> None:
    build_loss(LossConfig(), [3, 1, 2])
    assert not caplog.text
    build_loss(LossConfig(), [3, 0, 0])
    assert "2 of 3 classes have no training photographs (first: class 1)" in caplog.text


def test_probabilities_use_the_scale_of_the_loss() -> None:
    for name in ("arcface", "softmax", "ldam"):
        found = np.asarray(probabilities(LossConfig(name=name, scale=10.0), COSINES))
        weights = np.exp(10.0 * COSINES)
        np.testing.assert_allclose(found, weights / weights.sum(1, keepdims=True), rtol=1e-5)
    plain = np.asarray(probabilities(LossConfig(name="softmax"), COSINES))
    np.testing.assert_allclose(plain, np.exp(COSINES) / np.exp(COSINES).sum(1, keepdims=True), rtol=1e-5)


def test_ldam_takes_its_margins_from_the_class_counts() -> None:
    loss = build_loss(LossConfig(name="ldam", scale=30.0, ldam_margin=0.4), [5, 2, 9])
    expected = ldam(LABELS, COSINES, ldam_margins([5, 2, 9], 0.4), scale=30.0)
    np.testing.assert_array_equal(np.asarray(loss(LABELS, COSINES)), np.asarray(expected))


def test_arcface_takes_margins_by_size_and_its_other_forms() -> None:
    config = LossConfig(
        name="arcface", scale=20.0, margin=0.5, class_margins="by_size", easy_margin=True, focal_gamma=2.0
    )
    margins = dynamic_margins([5, 2, 9], smallest_class=0.5, largest_class=0.05)
    expected = arcface(LABELS, COSINES, scale=20.0, margin=margins, easy_margin=True, focal_gamma=2.0)
    loss = build_loss(config, [5, 2, 9])
    np.testing.assert_array_equal(np.asarray(loss(LABELS, COSINES)), np.asarray(expected))


def test_softmax_with_a_scale_is_arcface_without_a_margin() -> None:
    normface = build_loss(LossConfig(name="softmax", scale=30.0, focal_gamma=1.0), [1, 1, 1])
    expected = arcface(LABELS, COSINES, scale=30.0, margin=0.0, focal_gamma=1.0)
    np.testing.assert_allclose(np.asarray(normface(LABELS, COSINES)), np.asarray(expected), rtol=1e-5)


def test_without_class_weights_there_are_none() -> None:
    assert build_loss(LossConfig(), [5, 2, 9]).example_weights(LABELS) is None


@pytest.mark.parametrize(
    ("config", "weights"),
    [
        (LossConfig(class_weights="log"), log_weights([5, 2, 9])),
        (LossConfig(class_weights="effective_number"), effective_number_weights([5, 2, 9])),
        (
            LossConfig(class_weights="effective_number", effective_number_beta=0.5),
            effective_number_weights([5, 2, 9], 0.5),
        ),
    ],
)
def test_every_example_has_the_weight_of_its_class(config: LossConfig, weights: np.ndarray) -> None:
    loss = build_loss(config, [5, 2, 9])
    np.testing.assert_allclose(np.asarray(loss.example_weights(LABELS)), weights[LABELS], rtol=1e-6)
    plain = build_loss(LossConfig(), [5, 2, 9])
    np.testing.assert_array_equal(np.asarray(loss(LABELS, COSINES)), np.asarray(plain(LABELS, COSINES)))


def test_deferred_weights_begin_at_their_epoch_in_a_graph_too() -> None:
    loss = build_loss(LossConfig(class_weights="log", class_weights_from_epoch=8.0), [5, 2, 9])
    weights = tf.function(loss.example_weights)
    for epoch in (0.0, 7.99):
        np.testing.assert_array_equal(weights(LABELS, tf.constant(epoch)).numpy(), [1, 1])
    for epoch in (8.0, 9.5):
        np.testing.assert_allclose(
            weights(LABELS, tf.constant(epoch)).numpy(), log_weights([5, 2, 9])[LABELS], rtol=1e-6
        )


def test_the_normalisation_by_batch_is_that_of_the_published_code() -> None:
    """Seed 001's code: (loss · w).sum() / w.sum(), with w = 1 / log(1 + n) without any scale."""
    loss = build_loss(LossConfig(class_weights="log"), [5, 2, 9])
    losses, weights = (np.asarray(each) for each in (loss(LABELS, COSINES), loss.example_weights(LABELS)))
    raw = 1 / np.log1p(np.array([5, 2, 9]))[LABELS]
    assert loss.normalisation == "batch"
    assert (losses * weights).sum() / weights.sum() == pytest.approx((losses * raw).sum() / raw.sum(), rel=1e-6)
    assert build_loss(LossConfig(class_weights_normalisation="global"), [1]).normalisation == "global"


@pytest.mark.parametrize(
    ("loss", "head", "scale"),
    [
        ({"name": "softmax"}, "linear", 1.0),
        ({"name": "softmax", "scale": 45.0}, "linear", 1.0),
        ({"name": "softmax"}, "cosine", 30.0),
        ({"name": "arcface"}, "cosine", 45.0),
        ({"name": "arcface", "scale": 64.0}, "cosine", 64.0),
        ({"name": "ldam"}, "linear", 1.0),
        ({"name": "ldam", "scale": 30.0}, "linear", 30.0),
        ({"name": "ldam"}, "cosine", 30.0),
    ],
)
def test_the_scale_belongs_to_loss_and_head(loss: dict[str, Any], head: str, scale: float) -> None:
    """A softmax with 45 on a linear head is what earlier versions wrote into every config.yaml: it has none."""
    values = {"data": {"shards": "s"}, "training": {"model_dir": "m"}, "model": {"head": head}, "loss": loss}
    config = config_from_dict(values)
    assert config.loss.logit_scale == scale
    assert config_from_dict(config_to_dict(config)) == config
    expected = np.exp(scale * COSINES.astype(float))
    found = np.asarray(probabilities(config.loss, COSINES))
    np.testing.assert_allclose(found, expected / expected.sum(1, keepdims=True), rtol=1e-4, atol=1e-30)


@pytest.mark.parametrize(
    ("config", "head"),
    [
        (LossConfig(name="softmax", label_smoothing=0.1), "linear"),
        (LossConfig(name="softmax", focal_gamma=2.0), "cosine"),
        (LossConfig(name="arcface", class_margins="by_size"), "cosine"),
        (LossConfig(name="ldam"), "linear"),
    ],
)
def test_the_last_class_of_the_full_set_is_right(config: LossConfig, head: str) -> None:
    """203,094 classes: labels and sums against float64, gradients only where they belong."""
    classes, labels = 203_094, np.array([203_093, 0, 81_313], np.int32)
    rng = np.random.default_rng(0)
    counts = rng.integers(1, 6273, classes)
    logits = rng.uniform(-0.2, 0.2, (3, classes)).astype(np.float32)
    logits[np.arange(3), labels] = [0.4, -0.99, 0.1]
    config = config.for_head(head)
    variable = tf.Variable(logits)
    with tf.GradientTape() as tape:
        loss = build_loss(config, counts)(labels, tf.identity(variable))
    gradient = tape.gradient(loss, variable).numpy()
    shifted = logits.astype(np.float64)
    if config.name == "ldam":
        shifted[np.arange(3), labels] -= ldam_margins(counts)[labels]
    if config.name == "arcface":
        margins = dynamic_margins(counts, smallest_class=0.3, largest_class=0.05)[labels]
        theta = np.arccos(shifted[np.arange(3), labels])
        past = np.cos(theta) - np.sin(np.pi - margins) * margins
        shifted[np.arange(3), labels] = np.where(theta + margins > np.pi, past, np.cos(theta + margins))
    z = config.logit_scale * shifted
    logs = z - z.max(1, keepdims=True) - np.log(np.exp(z - z.max(1, keepdims=True)).sum(1, keepdims=True))
    true = logs[np.arange(3), labels]
    smoothing = config.label_smoothing
    expected = (-(1 - smoothing) * true - smoothing * logs.mean(1)) * (1 - np.exp(true)) ** config.focal_gamma
    np.testing.assert_allclose(loss.numpy(), expected, rtol=2e-5, atol=1e-6)
    assert (np.argmin(gradient, axis=1) == labels).all()
    assert np.isfinite(gradient).all()
    if config.name in ("softmax", "ldam"):
        np.testing.assert_allclose(gradient.sum(1, dtype=np.float64), 0, atol=1e-3)
