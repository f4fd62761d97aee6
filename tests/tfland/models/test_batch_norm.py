"""Synchronised batch normalisation: another setting, the same model."""

from pathlib import Path

import keras
import numpy as np
import pytest

from tfland.models.batch_norm import synchronize_batch_norm


def network() -> keras.Model:
    image = keras.Input((4,), name="image")
    x = keras.layers.Dense(6, name="dense")(image)
    x = keras.layers.BatchNormalization(momentum=0.7, name="bn")(x)
    frozen = keras.layers.BatchNormalization(name="frozen", trainable=False)(x)
    model = keras.Model(image, {"embedding": x, "logits": frozen}, name="network")
    rng = np.random.default_rng(0)
    model.set_weights([rng.uniform(0.5, 2, weight.shape) for weight in model.get_weights()])
    return model


def test_keeps_everything_but_the_setting(tmp_path: Path) -> None:
    model = network()
    synchronised = synchronize_batch_norm(model)
    batch = np.random.default_rng(1).normal(size=(3, 4)).astype(np.float32)
    assert [layer.name for layer in synchronised.layers] == [layer.name for layer in model.layers]
    assert synchronised.get_layer("bn").synchronized
    assert synchronised.get_layer("bn").momentum == 0.7
    assert not synchronised.get_layer("frozen").trainable
    assert not model.get_layer("bn").synchronized
    synchronised.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.get_layer("bn").synchronized
    for name in ("embedding", "logits"):
        expected = np.asarray(model(batch)[name])
        np.testing.assert_array_equal(np.asarray(synchronised(batch)[name]), expected)
        np.testing.assert_array_equal(np.asarray(loaded(batch)[name]), expected)


def test_weights_are_no_longer_shared() -> None:
    model = network()
    synchronised = synchronize_batch_norm(model)
    synchronised.get_layer("dense").bias.assign(np.full(6, 9.0))
    assert np.asarray(model.get_layer("dense").bias).max() < 9


def test_refuses_a_nested_model() -> None:
    image = keras.Input((4,))
    with pytest.raises(ValueError, match="model 'outer' nests the model 'network'; give one flat graph"):
        synchronize_batch_norm(keras.Model(image, network()(image), name="outer"))
