"""Cross-entropy against the definition, summed in a loop."""

import math
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfland.losses.softmax import SoftmaxLoss, cross_entropy

LABELS = np.array([0, 2, 1, 2])
LOGITS = np.array([[1.0, 2.0, -1.0], [0.5, 0.0, 3.0], [40.0, -40.0, 0.0], [0.0, 0.0, 0.0]], np.float32)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.9])
def test_matches_a_slow_loop(slow: SimpleNamespace, smoothing: float) -> None:
    expected = [slow.cross_entropy(y, z, smoothing) for y, z in zip(LABELS, LOGITS, strict=True)]
    np.testing.assert_allclose(np.asarray(cross_entropy(LABELS, LOGITS, smoothing)), expected, rtol=1e-5)


def test_a_worked_example() -> None:
    # Equal logits of 3 classes: -log(1/3) = 1.0986.
    assert float(cross_entropy(LABELS, LOGITS)[3]) == pytest.approx(math.log(3))


def test_huge_logits_stay_finite() -> None:
    losses = np.asarray(cross_entropy(np.array([0, 1]), np.array([[1e4, -1e4], [1e4, -1e4]], np.float32)))
    np.testing.assert_allclose(losses, [0.0, 2e4], atol=1e-6)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_logits_give_a_float32_loss(dtype: str) -> None:
    half = keras.ops.cast(LOGITS, dtype)
    loss = cross_entropy(LABELS, half)
    assert keras.backend.standardize_dtype(loss.dtype) == "float32"
    expected = np.asarray(cross_entropy(LABELS, np.asarray(keras.ops.cast(half, "float32"))))
    np.testing.assert_array_equal(np.asarray(loss), expected)


def test_the_keras_loss_is_the_function_and_survives_serialisation() -> None:
    loss = SoftmaxLoss(0.2)
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(loss))
    expected = np.asarray(cross_entropy(LABELS, LOGITS, 0.2))
    np.testing.assert_array_equal(np.asarray(loss(LABELS, LOGITS)), expected)
    np.testing.assert_array_equal(np.asarray(copy(LABELS, LOGITS)), expected)


def test_the_largest_class_index_of_the_full_set_survives_keras_float_labels() -> None:
    # Keras hands labels to a loss as float32; 203,093 is the last class of GLDv2.
    logits = np.zeros((1, 203_094), np.float32)
    logits[0, 203_093] = 50.0
    assert float(SoftmaxLoss()(np.array([203_093]), logits)[0]) == pytest.approx(0.0, abs=1e-5)


@pytest.mark.parametrize("gamma", [0.5, 1.0, 2.0, 5.0])
def test_the_focal_loss_matches_a_slow_loop(slow: SimpleNamespace, gamma: float) -> None:
    expected = [slow.cross_entropy(y, z, gamma=gamma) for y, z in zip(LABELS, LOGITS, strict=True)]
    found = np.asarray(cross_entropy(LABELS, LOGITS, focal_gamma=gamma))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


def test_focal_loss_spares_what_is_known_and_keeps_what_is_not() -> None:
    # The paper's own figures (section 3.2): γ = 2 cuts the loss of p = 0.9 to 1/100 and of p ≈ 0.968 to 1/1000.
    for p, factor in ((0.9, 100), (0.968377, 1000)):
        logits = np.array([[math.log(p / (1 - p)), 0.0]], np.float32)
        plain, focal = (float(cross_entropy([0], logits, focal_gamma=gamma)[0]) for gamma in (0.0, 2.0))
        assert plain / focal == pytest.approx(factor, rel=1e-3)
    wrong = np.array([[-20.0, 20.0]], np.float32)
    assert float(cross_entropy([0], wrong, focal_gamma=2.0)[0]) == pytest.approx(40)


@pytest.mark.parametrize("settings", [{"smoothing": 0.1}, {"gamma": 2.0}, {"gamma": 0.5}])
def test_gradients_match_finite_differences(slow: SimpleNamespace, settings: dict[str, float]) -> None:
    names = {"smoothing": "label_smoothing", "gamma": "focal_gamma"}
    logits = tf.Variable(LOGITS / 5)
    with tf.GradientTape() as tape:
        ours = {names[name]: value for name, value in settings.items()}
        loss = tf.reduce_sum(cross_entropy(LABELS, tf.identity(logits), **ours))
    for label, row, found in zip(LABELS, logits.numpy(), tape.gradient(loss, logits).numpy(), strict=True):
        expected = slow.differences(lambda z, y=label: slow.cross_entropy(y, z, **settings), row.astype(float))
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("gamma", [0.5, 1.0, 2.0])
def test_focal_gradients_are_finite_for_the_certain_and_the_hopeless(gamma: float) -> None:
    logits = tf.Variable([[1e4, -1e4], [-1e4, 1e4], [0.0, 0.0]])
    with tf.GradientTape() as tape:
        loss = cross_entropy([0, 0, 0], tf.identity(logits), focal_gamma=gamma)
    assert np.isfinite(loss.numpy()).all()
    assert np.isfinite(tape.gradient(loss, logits).numpy()).all()
