"""Compiled models: the same numbers as the model itself."""

import keras
import numpy as np

from delf_verify.runner import compile_model, default_batch_size, fetch


def test_runs_bytes_of_any_size_as_the_model_does() -> None:
    image = keras.Input((None, None, 3))
    keras.utils.set_random_seed(0)
    scaled = keras.layers.Rescaling(1 / 255)(image)
    normalised = keras.layers.BatchNormalization()(keras.layers.Conv2D(4, 3, padding="same")(scaled))
    model = keras.Model(image, {"map": normalised})
    run = compile_model(model)
    for shape in ((1, 8, 9, 3), (2, 16, 5, 3)):
        images = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
        found, expected = fetch(run(images)["map"]), np.asarray(model(images.astype(np.float32))["map"])
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_a_batch_has_at_least_one_image() -> None:
    assert default_batch_size() in (1, 8)
