"""The one matrix does what the three changes do after each other."""

import numpy as np
import pytest
import tensorflow as tf

from tfland.data.colour import LUMA, recolour

IMAGE = np.random.default_rng(3).uniform(0, 255, (32, 32, 3)).astype(np.float32)


def slowly(image: np.ndarray, brightness: float, contrast: float, saturation: float) -> np.ndarray:
    image = image * brightness
    grey = (image * np.array(LUMA)).sum(axis=-1, keepdims=True)
    image = grey + saturation * (image - grey)
    return np.clip(grey.mean() + contrast * (image - grey.mean()), 0, 255)


@pytest.mark.parametrize("factors", [(1.2, 1.0, 1.0), (1.0, 1.2, 1.0), (1.0, 1.0, 1.2), (0.7, 1.3, 0.4), (1.9, 0.1, 0)])
def test_colour_changes_do_what_they_say(factors: tuple[float, float, float]) -> None:
    changed = recolour(tf.constant(IMAGE), *(tf.constant(factor, tf.float32) for factor in factors))
    np.testing.assert_allclose(changed, slowly(IMAGE, *factors), atol=0.01)


def test_factors_of_one_change_nothing() -> None:
    np.testing.assert_allclose(recolour(tf.constant(IMAGE), 1.0, 1.0, 1.0), IMAGE, atol=1e-3)
