"""Cross-entropy against the definition, summed in a loop."""

import math

import keras
import numpy as np
import pytest

from tfland.losses.softmax import SoftmaxLoss, cross_entropy

LABELS = np.array([0, 2, 1, 2])
LOGITS = np.array([[1.0, 2.0, -1.0], [0.5, 0.0, 3.0], [40.0, -40.0, 0.0], [0.0, 0.0, 0.0]], np.float32)


def slow_cross_entropy(label: int, logits: np.ndarray, smoothing: float) -> float:
    total = sum(math.exp(z - max(logits)) for z in logits.astype(float))
    log_probabilities = [z - max(logits) - math.log(total) for z in logits.astype(float)]
    targets = [(1 - smoothing) * (j == label) + smoothing / len(logits) for j in range(len(logits))]
    return -sum(t * lp for t, lp in zip(targets, log_probabilities, strict=True))


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.9])
def test_matches_a_slow_loop(smoothing: float) -> None:
    expected = [slow_cross_entropy(y, z, smoothing) for y, z in zip(LABELS, LOGITS, strict=True)]
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
