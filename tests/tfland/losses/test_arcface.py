"""ArcFace against the formula in float64, one example at a time."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfland.losses.arcface import ArcFaceLoss, arcface
from tfland.losses.softmax import cross_entropy


def slow_arcface(label: int, cosines: np.ndarray, scale: float, margin: float) -> float:
    theta = math.acos(float(np.clip(cosines[label], -1, 1)))
    if theta + margin <= math.pi:
        target = math.cos(theta + margin)
    else:
        target = math.cos(theta) - math.sin(math.pi - margin) * margin
    logits = [scale * float(c) for c in cosines]
    logits[label] = scale * target
    return math.log(sum(math.exp(z - max(logits)) for z in logits)) + max(logits) - logits[label]


def random_cosines(examples: int = 6, classes: int = 11) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.integers(0, classes, examples), rng.uniform(-1, 1, (examples, classes)).astype(np.float32)


@pytest.mark.parametrize("margin", [0.0, 0.3, 0.4, 1.2])
@pytest.mark.parametrize("scale", [1.0, 45.0])
def test_matches_a_slow_loop(scale: float, margin: float) -> None:
    labels, cosines = random_cosines()
    expected = [slow_arcface(y, row, scale, margin) for y, row in zip(labels, cosines, strict=True)]
    loss = np.asarray(arcface(labels, cosines, scale=scale, margin=margin))
    np.testing.assert_allclose(loss, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("margin", [0.1, 0.3, 0.5])
def test_sweep_across_the_margin_boundary(margin: float) -> None:
    """Every degree from 0 to 180: θ + m passes π on the way (at 163° for m = 0.3)."""
    degrees = np.arange(181)
    cosines = np.stack([np.cos(np.radians(degrees)), np.zeros(181)], axis=1).astype(np.float32)
    expected = [slow_arcface(0, row, 4.0, margin) for row in cosines]
    loss = np.asarray(arcface(np.zeros(181, int), cosines, scale=4.0, margin=margin))
    # At θ = 0 the clipped sine (3.2e-4) costs up to scale · 3.2e-4 · sin m.
    np.testing.assert_allclose(loss, expected, rtol=1e-4, atol=1e-3)
    assert (np.diff(loss) > 0).all(), "the loss must grow with the angle on both sides of the boundary"


def test_without_a_margin_it_is_softmax() -> None:
    labels, cosines = random_cosines()
    plain = np.asarray(cross_entropy(labels, 30 * cosines, 0.1))
    loss = np.asarray(arcface(labels, cosines, scale=30.0, margin=0.0, label_smoothing=0.1))
    np.testing.assert_allclose(loss, plain, rtol=1e-6)


def test_a_margin_costs_and_touches_the_true_class_alone() -> None:
    labels, cosines = random_cosines()
    assert (
        np.asarray(arcface(labels, cosines, scale=30.0, margin=0.3))
        > np.asarray(arcface(labels, cosines, scale=30.0, margin=0.0))
    ).all()


@pytest.mark.parametrize("cosine", [-1.0000001, -1.0, -0.99999994, 0.99999994, 1.0, 1.0000001])
def test_value_and_gradient_are_finite_at_the_ends(cosine: float) -> None:
    cosines = tf.Variable([[cosine, 0.2, -0.3]], dtype=tf.float32)
    with tf.GradientTape() as tape:
        loss = arcface(np.array([0]), cosines, scale=45.0, margin=0.3)
    gradient = tape.gradient(loss, cosines)
    assert np.isfinite(loss.numpy()).all()
    assert np.isfinite(gradient.numpy()).all()


def test_gradient_matches_finite_differences() -> None:
    labels, cosines = random_cosines(4, 5)
    variable = tf.Variable(cosines * 0.9)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(arcface(labels, variable, scale=5.0, margin=0.3))
    gradient = tape.gradient(loss, variable).numpy()
    for (i, j), value in np.ndenumerate(gradient):
        row, step = cosines[i].astype(float) * 0.9, np.eye(5)[j] * 1e-6
        up, down = (slow_arcface(labels[i], row + sign * step, 5.0, 0.3) for sign in (1, -1))
        assert value == pytest.approx((up - down) / 2e-6, rel=1e-3, abs=1e-4)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_cosines_give_a_float32_loss(dtype: str) -> None:
    labels, cosines = random_cosines()
    half = keras.ops.cast(cosines, dtype)
    loss = arcface(labels, half, scale=45.0, margin=0.3)
    expected = arcface(labels, keras.ops.cast(half, "float32"), scale=45.0, margin=0.3)
    assert keras.backend.standardize_dtype(loss.dtype) == "float32"
    np.testing.assert_array_equal(np.asarray(loss), np.asarray(expected))


def test_the_keras_loss_is_the_function_and_survives_serialisation() -> None:
    labels, cosines = random_cosines()
    loss = ArcFaceLoss(30.0, 0.4, 0.05)
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(loss))
    expected = np.asarray(arcface(labels, cosines, scale=30.0, margin=0.4, label_smoothing=0.05))
    np.testing.assert_array_equal(np.asarray(loss(labels, cosines)), expected)
    np.testing.assert_array_equal(np.asarray(copy(labels, cosines)), expected)


def test_runs_in_a_graph_of_unknown_batch_size() -> None:
    labels, cosines = random_cosines()
    signature = [tf.TensorSpec([None], tf.int64), tf.TensorSpec([None, 11], tf.float32)]
    graph = tf.function(lambda y, c: arcface(y, c, scale=45.0, margin=0.3), input_signature=signature)
    eager = np.asarray(arcface(labels, cosines, scale=45.0, margin=0.3))
    np.testing.assert_allclose(graph(labels, cosines).numpy(), eager, rtol=1e-6)
