"""Cosine head against NumPy, linear head, neck."""

from pathlib import Path

import keras
import numpy as np
import pytest

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
