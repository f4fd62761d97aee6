"""Cosine head against NumPy, linear head, neck."""

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfland.models.heads import CosineHead, embedding_neck, linear_head


def embeddings(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(4, 6)).astype(np.float32)


def test_logits_are_cosines() -> None:
    head, x = CosineHead(3), embeddings()
    logits, kernel = np.asarray(head(x)), np.asarray(head.kernel)
    for b in range(4):
        for j in range(3):
            expected = x[b] @ kernel[:, j] / np.linalg.norm(x[b]) / np.linalg.norm(kernel[:, j])
            assert logits[b, j] == pytest.approx(expected, abs=1e-6)


def test_lengths_do_not_matter_and_ends_are_reached() -> None:
    head, x = CosineHead(3), embeddings()
    logits = np.asarray(head(x))
    np.testing.assert_allclose(np.asarray(head(x * 1000)), logits, atol=1e-6)
    head.kernel.assign(head.kernel * 37.0)
    np.testing.assert_allclose(np.asarray(head(x)), logits, atol=1e-6)
    own_weights = np.asarray(head.kernel).T
    np.testing.assert_allclose(np.diag(np.asarray(head(own_weights))), 1.0, atol=1e-6)
    np.testing.assert_allclose(np.diag(np.asarray(head(-own_weights))), -1.0, atol=1e-6)


def test_never_leaves_the_range_and_survives_zeros() -> None:
    head = CosineHead(500)
    logits = np.asarray(head(np.repeat(embeddings(), 50, axis=0) * 1e3))
    assert np.abs(logits).max() <= 1
    np.testing.assert_array_equal(np.asarray(head(np.zeros((1, 6), np.float32))), np.zeros((1, 500)))


def test_float32_under_a_mixed_policy() -> None:
    keras.config.set_dtype_policy("mixed_float16")
    try:
        heads = [CosineHead(3), linear_head(3, "logits")]
        logits = [head(keras.ops.cast(embeddings(), "float16")) for head in heads]
    finally:
        keras.config.set_dtype_policy("float32")
    assert {keras.backend.standardize_dtype(each.dtype) for each in logits} == {"float32"}


def test_saved_and_loaded_it_gives_the_same_numbers(tmp_path: Path) -> None:
    vector = keras.Input((6,))
    model = keras.Model(vector, CosineHead(3, name="logits")(embedding_neck(vector, 5)))
    model.save(tmp_path / "head.keras")
    loaded = keras.models.load_model(tmp_path / "head.keras")
    np.testing.assert_array_equal(np.asarray(loaded(embeddings())), np.asarray(model(embeddings())))


def test_neck_is_linear_bn_prelu_with_one_slope() -> None:
    vector = keras.Input((6,))
    model = keras.Model(vector, embedding_neck(vector, 5))
    names = [type(layer).__name__ for layer in model.layers[1:]]
    assert names == ["Dense", "BatchNormalization", "PReLU"]
    (slope,) = model.layers[-1].get_weights()
    assert slope.tolist() == [0.25]


def test_refuses_no_classes() -> None:
    with pytest.raises(ValueError, match="num_classes of the cosine head is 0; give at least 1"):
        CosineHead(0)


@pytest.mark.parametrize(
    ("form", "dropout", "layers", "has_bias"),
    [
        ("linear_bn_prelu", 0.3, ["Dropout", "Dense", "BatchNormalization", "PReLU"], True),
        ("linear_bn", 0.0, ["Dense", "BatchNormalization"], False),
        ("linear", 0.0, ["Dense"], True),
    ],
)
def test_forms_of_the_neck(form: str, dropout: float, layers: list[str], has_bias: bool) -> None:
    vector = keras.Input((6,))
    model = keras.Model(vector, embedding_neck(vector, 5, form, dropout))
    assert [type(layer).__name__ for layer in model.layers[1:]] == layers
    assert model.get_layer("embedding_dense").use_bias == has_bias
    assert model.output.shape == (None, 5)


def test_the_necks_against_numpy_by_hand() -> None:
    vector, x = keras.Input((6,)), embeddings()
    model = keras.Model(vector, embedding_neck(vector, 5))
    rng = np.random.default_rng(3)
    model.set_weights([rng.uniform(0.2, 1.5, weight.shape) for weight in model.get_weights()])
    kernel, bias, gamma, beta, mean, variance, slope = (np.asarray(w, float) for w in model.get_weights())
    linear = x @ kernel + bias
    normed = gamma * (linear - mean) / np.sqrt(variance + 1e-3) + beta
    expected = np.where(normed > 0, normed, slope * normed)
    np.testing.assert_allclose(np.asarray(model(x)), expected, rtol=1e-4, atol=1e-4)
    plain = keras.Model(vector, embedding_neck(vector, 5, "linear"))
    plain.set_weights([kernel, bias])
    np.testing.assert_allclose(np.asarray(plain(x)), linear, rtol=1e-4, atol=1e-5)


def test_the_dropout_of_the_neck_works_in_training_alone() -> None:
    vector = keras.Input((6,))
    model = keras.Model(vector, embedding_neck(vector, 5, "linear", 0.5))
    x = np.ones((1, 6), np.float32)
    np.testing.assert_array_equal(np.asarray(model(x)), np.asarray(model(x, training=False)))
    outputs = {np.asarray(model(x, training=True)).tobytes() for _ in range(20)}
    assert len(outputs) > 1


def slow_cosines(x: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    return (x / np.linalg.norm(x, axis=1, keepdims=True)) @ (kernel / np.linalg.norm(kernel, axis=0))


def test_gradients_of_the_cosines_match_finite_differences() -> None:
    head, x = CosineHead(3), tf.Variable(embeddings())
    head.build(x.shape)
    upstream = np.random.default_rng(1).normal(size=(4, 3))
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(head(x) * tf.constant(upstream, tf.float32))
    for_x, for_kernel = tape.gradient(total, [x, head.kernel.value])
    values, kernel = x.numpy().astype(float), np.asarray(head.kernel).astype(float)
    for place in np.ndindex(4, 6):
        step = np.zeros((4, 6))
        step[place] = 1e-6
        change = slow_cosines(values + step, kernel) - slow_cosines(values - step, kernel)
        assert float(for_x[place]) == pytest.approx((change * upstream).sum() / 2e-6, rel=1e-3, abs=1e-5)
    for place in np.ndindex(6, 3):
        step = np.zeros((6, 3))
        step[place] = 1e-6
        change = slow_cosines(values, kernel + step) - slow_cosines(values, kernel - step)
        assert float(for_kernel[place]) == pytest.approx((change * upstream).sum() / 2e-6, rel=1e-3, abs=1e-5)


@pytest.mark.parametrize("length", [0.0, 1e-20, 1e-6, 1e6, 1e15])
def test_gradients_are_finite_whatever_the_length(length: float) -> None:
    """A photograph whose features are all zero must not ruin the run."""
    head, x = CosineHead(3), tf.Variable(embeddings() * length)
    head.build(x.shape)
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(head(x))
    for gradient in tape.gradient(total, [x, head.kernel.value]):
        assert np.isfinite(gradient.numpy()).all()


def test_gradients_are_finite_at_both_ends_and_for_a_class_of_zeros() -> None:
    head = CosineHead(4)
    head.build((None, 6))
    head.kernel.assign(head.kernel * np.array([1, 1, 1, 0], np.float32))
    own = np.asarray(head.kernel).T[:3]
    x = tf.Variable(np.concatenate([own, -own]))
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(head(x) ** 2)
    assert np.isfinite(total.numpy())
    for gradient in tape.gradient(total, [x, head.kernel.value]):
        assert np.isfinite(gradient.numpy()).all()
