"""GeM: its limits, a slow recomputation, and its life as a Keras layer."""

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfland.models.pooling import GeMPooling


def feature_map(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).gamma(1.0, 2.0, (2, 3, 4, 5)).astype(np.float32)


def slow_gem(features: np.ndarray, p: float) -> np.ndarray:
    batch, height, width, channels = features.shape
    pooled = np.zeros((batch, channels))
    for b in range(batch):
        for c in range(channels):
            total = 0.0
            for y in range(height):
                for x in range(width):
                    total += max(float(features[b, y, x, c]), 1e-6) ** p
            pooled[b, c] = (total / (height * width)) ** (1 / p)
    return pooled


@pytest.mark.parametrize("p", [0.5, 1.0, 3.0, 7.3])
def test_matches_a_slow_loop(p: float) -> None:
    features = feature_map() - 0.5
    np.testing.assert_allclose(np.asarray(GeMPooling(p)(features)), slow_gem(features, p), rtol=1e-4)


def test_limits_are_mean_and_maximum() -> None:
    features = feature_map()
    np.testing.assert_allclose(np.asarray(GeMPooling(1.0)(features)), features.mean((1, 2)), rtol=1e-5)
    np.testing.assert_allclose(np.asarray(GeMPooling(2000.0)(features)), features.max((1, 2)), rtol=2e-3)


def test_scales_with_its_input_and_forgets_positions() -> None:
    features = feature_map()
    pooled = np.asarray(GeMPooling(3.0)(features))
    np.testing.assert_allclose(np.asarray(GeMPooling(3.0)(features * 7)), pooled * 7, rtol=1e-5)
    np.testing.assert_allclose(np.asarray(GeMPooling(3.0)(features[:, ::-1, ::-1])), pooled, rtol=1e-5)


@pytest.mark.parametrize("value", [0.0, 1e-6, 1e4])
def test_gradients_are_finite_where_a_bare_power_fails(value: float) -> None:
    """1e-6 ** 8 vanishes in float32 and 1e4 ** 10 overflows; the gradient of either root is not a number."""
    layer = GeMPooling(10.0, train_p=True)
    features = tf.Variable(np.full((1, 2, 2, 1), value, np.float32))
    with tf.GradientTape() as tape:
        pooled = tf.reduce_sum(layer(features))
    assert np.isfinite(pooled.numpy())
    for gradient in tape.gradient(pooled, [features, *layer.trainable_variables]):
        assert np.isfinite(gradient.numpy()).all()


def test_gradient_of_p_matches_finite_differences() -> None:
    features, layer = feature_map(), GeMPooling(3.0, train_p=True)
    with tf.GradientTape() as tape:
        pooled = tf.reduce_sum(layer(features))
    (gradient,) = tape.gradient(pooled, layer.trainable_variables)
    expected = (slow_gem(features, 3.001).sum() - slow_gem(features, 2.999).sum()) / 0.002
    assert float(gradient) == pytest.approx(expected, rel=1e-3)


def test_p_is_trained_only_on_request() -> None:
    for train_p in (True, False):
        layer = GeMPooling(3.0, train_p=train_p)
        layer.build((None, 3, 3, 2))
        assert len(layer.trainable_weights) == train_p
        assert len(layer.weights) == 1


def test_stays_float32_under_a_mixed_policy() -> None:
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        layer = GeMPooling(3.0)
        pooled = layer(keras.ops.cast(feature_map(), "bfloat16"))
    finally:
        keras.config.set_dtype_policy("float32")
    assert keras.backend.standardize_dtype(pooled.dtype) == "float32"
    assert keras.backend.standardize_dtype(layer.compute_dtype) == "float32"


def test_saved_and_loaded_it_gives_the_same_numbers(tmp_path: Path) -> None:
    image = keras.Input((None, None, 5))
    model = keras.Model(image, GeMPooling(2.5, train_p=True)(image))
    model.layers[-1].p.assign(4.25)
    model.save(tmp_path / "gem.keras")
    loaded = keras.models.load_model(tmp_path / "gem.keras")
    np.testing.assert_array_equal(np.asarray(loaded(feature_map())), np.asarray(model(feature_map())))
    assert loaded.trainable_variables


def test_refuses_p_of_zero() -> None:
    with pytest.raises(ValueError, match="p of GeM pooling is 0; give a number above 0"):
        GeMPooling(0)


def test_an_exponent_for_each_channel_pools_each_by_its_own() -> None:
    features, exponents = feature_map(), np.array([1.0, 2.0, 3.0, 5.5, 40.0])
    layer = GeMPooling(3.0, train_p=True, per_channel=True)
    np.testing.assert_allclose(np.asarray(layer(features)), np.asarray(GeMPooling(3.0)(features)), rtol=1e-5)
    layer.p.assign(exponents)
    pooled = np.asarray(layer(features))
    for channel, p in enumerate(exponents):
        expected = slow_gem(features[..., channel : channel + 1], p)[:, 0]
        np.testing.assert_allclose(pooled[:, channel], expected, rtol=1e-4)
    np.testing.assert_allclose(pooled[:, 0], features[..., 0].mean((1, 2)), rtol=1e-5)


def test_gradients_of_exponents_and_features_match_finite_differences() -> None:
    features = tf.Variable(feature_map())
    layer = GeMPooling(3.0, train_p=True, per_channel=True)
    layer.build(features.shape)
    layer.p.assign([1.0, 2.0, 3.0, 4.0, 5.0])
    upstream = np.random.default_rng(1).normal(size=(2, 5)).astype(np.float32)
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(layer(features) * upstream)
    for_features, for_p = tape.gradient(total, [features, layer.p.value])
    values = features.numpy().astype(float)

    def recomputed(map_: np.ndarray, exponents: np.ndarray) -> float:
        channels = [slow_gem(map_[..., c : c + 1], exponents[c])[:, 0] for c in range(5)]
        return float((np.stack(channels, axis=1) * upstream).sum())

    p = np.arange(1.0, 6.0)
    for channel in range(5):
        step = np.eye(5)[channel] * 1e-5
        expected = (recomputed(values, p + step) - recomputed(values, p - step)) / 2e-5
        assert float(for_p[channel]) == pytest.approx(expected, rel=1e-3, abs=1e-5)
    for place in [(0, 0, 0, 0), (1, 2, 3, 1), (0, 1, 2, 2), (1, 0, 3, 4)]:
        up, down = values.copy(), values.copy()
        up[place] += 1e-5
        down[place] -= 1e-5
        expected = (recomputed(up, p) - recomputed(down, p)) / 2e-5
        assert float(for_features[place]) == pytest.approx(expected, rel=1e-3, abs=1e-6)


def test_one_pixel_and_equal_pixels_pool_to_themselves() -> None:
    values = np.array([0.5, 2.0, 1e4], np.float32)
    for size in (1, 4):
        features = np.broadcast_to(values, (1, size, size, 3))
        for p in (1.0, 3.0, 50.0):
            np.testing.assert_allclose(np.asarray(GeMPooling(p)(features))[0], values, rtol=1e-5)


def test_a_file_from_before_the_exponents_by_channel_loads() -> None:
    layer = GeMPooling.from_config({"name": "pooling", "p": 3.0, "train_p": True})
    layer.build((None, 2, 2, 5))
    assert layer.p.shape == ()
