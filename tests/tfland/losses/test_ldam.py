"""LDAM against the paper's equation in float64, and its limits."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfland.losses import LDAMLoss, cross_entropy, ldam, ldam_margins

COUNTS = [6272, 2, 17, 120, 6]


def random_logits(examples: int = 8, size: float = 4.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.integers(0, 5, examples), rng.normal(0, size, (examples, 5)).astype(np.float32)


@pytest.mark.parametrize("scale", [1.0, 30.0])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_matches_a_slow_loop(slow: SimpleNamespace, scale: float, smoothing: float) -> None:
    labels, logits = random_logits(size=4.0 if scale == 1 else 0.5)
    expected = [slow.ldam(y, z, COUNTS, 0.5, scale, smoothing) for y, z in zip(labels, logits, strict=True)]
    loss = ldam(labels, logits, ldam_margins(COUNTS), scale=scale, label_smoothing=smoothing)
    np.testing.assert_allclose(np.asarray(loss), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("gamma", [0.0, 2.0])
def test_gradient_matches_finite_differences(slow: SimpleNamespace, gamma: float) -> None:
    labels, logits = random_logits(size=1.0)
    variable = tf.Variable(logits)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(ldam(labels, tf.identity(variable), ldam_margins(COUNTS), scale=3.0, focal_gamma=gamma))
    for label, row, found in zip(labels, logits, tape.gradient(loss, variable).numpy(), strict=True):
        expected = slow.differences(lambda z, y=label: slow.ldam(y, z, COUNTS, 0.5, 3.0, gamma=gamma), row)
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)


def test_without_a_margin_it_is_softmax() -> None:
    labels, logits = random_logits()
    loss = ldam(labels, logits, np.zeros(5), scale=2.0, label_smoothing=0.1)
    np.testing.assert_allclose(np.asarray(loss), np.asarray(cross_entropy(labels, 2 * logits, 0.1)), rtol=1e-6)


def test_a_worked_example() -> None:
    # Classes of 1 and 16 photographs: Δ = 0.5 and 0.5 / 16^(1/4) = 0.25. Equal logits, label 1:
    # log(1 + exp(0 - (0 - 0.25))) = log(1 + e^0.25) = 0.8259.
    loss = ldam([1], np.zeros((1, 2), np.float32), ldam_margins([1, 16]))
    assert float(loss[0]) == pytest.approx(0.8259394, rel=1e-5)


def test_a_rare_class_costs_more_at_the_same_logits() -> None:
    losses = np.asarray(ldam(np.arange(5), np.eye(5, dtype=np.float32), ldam_margins(COUNTS)))
    assert np.argsort(losses).tolist() == np.argsort(COUNTS)[::-1].tolist()


@pytest.mark.parametrize("logit", [-1e4, -1.0, 1.0, 1e4])
def test_value_and_gradient_are_finite_at_the_ends(logit: float) -> None:
    variable = tf.Variable([[logit, 0.0, -logit, 1.0, -1.0]])
    with tf.GradientTape() as tape:
        loss = ldam([0], tf.identity(variable), ldam_margins(COUNTS), scale=30.0)
    assert np.isfinite(loss.numpy()).all()
    assert np.isfinite(tape.gradient(loss, variable).numpy()).all()


def test_half_precision_logits_give_a_float32_loss() -> None:
    labels, logits = random_logits()
    half = keras.ops.cast(logits, "bfloat16")
    loss = ldam(labels, half, ldam_margins(COUNTS))
    assert keras.backend.standardize_dtype(loss.dtype) == "float32"
    expected = ldam(labels, keras.ops.cast(half, "float32"), ldam_margins(COUNTS))
    np.testing.assert_array_equal(np.asarray(loss), np.asarray(expected))


def test_the_keras_loss_is_the_function_and_survives_serialisation() -> None:
    labels, logits = random_logits()
    loss = LDAMLoss(ldam_margins(COUNTS).tolist(), 3.0, 0.1)
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(loss))
    expected = np.asarray(ldam(labels, logits, ldam_margins(COUNTS), scale=3.0, label_smoothing=0.1))
    np.testing.assert_array_equal(np.asarray(loss(labels, logits)), expected)
    np.testing.assert_array_equal(np.asarray(copy(labels, logits)), expected)
