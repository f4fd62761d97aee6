"""Each change of RandAugment: none at magnitude 0, in range at 10, and right on known pixels."""

import numpy as np
import pytest
import tensorflow as tf

from tfland.data.rand_augment import CHANGES, rand_augment

IMAGE = np.random.default_rng(5).uniform(20, 230, (32, 32, 3)).astype(np.float32)


def change(name: str, level: float, image: np.ndarray = IMAGE) -> np.ndarray:
    return CHANGES[name](tf.constant(image, tf.float32), tf.constant(level)).numpy()


@pytest.mark.parametrize("name", CHANGES)
def test_no_strength_is_no_change(name: str) -> None:
    np.testing.assert_allclose(change(name, 0.0), IMAGE, atol=1e-2)


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("level", [-1.0, 0.3, 1.0])
def test_values_stay_in_range_and_flat_images_stay_flat(name: str, level: float) -> None:
    for image in (IMAGE, np.zeros_like(IMAGE), np.full_like(IMAGE, 255.0)):
        after = change(name, level, image)
        assert after.shape == image.shape
        assert np.isfinite(after).all()
        assert after.min() >= -1e-3
        assert after.max() <= 255.001
    if name != "identity":
        assert np.abs(change(name, level) - IMAGE).max() > 1


def test_autocontrast_reaches_both_ends() -> None:
    after = change("autocontrast", 1.0)
    np.testing.assert_allclose(after.min(axis=(0, 1)), 0, atol=1e-3)
    np.testing.assert_allclose(after.max(axis=(0, 1)), 255, atol=1e-3)


def test_equalize_spreads_the_values_evenly() -> None:
    dark = (np.random.default_rng(0).uniform(0, 1, (64, 64, 3)) ** 4 * 255).astype(np.float32)
    after = change("equalize", 1.0, dark)
    assert np.histogram(after[..., 0], 4, (0, 255))[0].min() > 0.1 * 64 * 64
    assert after[..., 0].flat[dark[..., 0].argmax()] == 255


def test_posterize_keeps_the_highest_bits() -> None:
    np.testing.assert_array_equal(change("posterize", 1.0), np.floor(IMAGE / 16) * 16)
    np.testing.assert_array_equal(change("posterize", -0.5), np.floor(IMAGE / 4) * 4)


def test_solarize_inverts_what_is_bright() -> None:
    np.testing.assert_allclose(change("solarize", 0.5), np.where(IMAGE < 128, IMAGE, 255 - IMAGE))


def test_sharpness_goes_both_ways_and_leaves_the_edge() -> None:
    def roughness(image: np.ndarray) -> float:
        return float(np.abs(np.diff(image[2:-2, 2:-2], axis=0)).mean())

    assert roughness(change("sharpness", 1.0)) > roughness(IMAGE) > roughness(change("sharpness", -1.0))
    np.testing.assert_allclose(change("sharpness", 1.0)[0], IMAGE[0], atol=1e-3)


def test_the_draws_choose_which_and_which_way() -> None:
    names = list(CHANGES)

    def drawn(name: str, way: float) -> np.ndarray:
        which = (names.index(name) + 0.5) / len(names)
        return rand_augment(tf.constant(IMAGE), tf.constant([which, way], tf.float32), 5.0).numpy()

    for name in ("rotate", "contrast", "translate_y"):
        np.testing.assert_allclose(drawn(name, 0.1), change(name, -0.5), atol=1e-3)
        np.testing.assert_allclose(drawn(name, 0.9), change(name, 0.5), atol=1e-3)


def test_two_pairs_of_draws_are_two_changes() -> None:
    names = list(CHANGES)
    draws = [(names.index("solarize") + 0.5) / len(names), 0.9, (names.index("posterize") + 0.5) / len(names), 0.9]
    after = rand_augment(tf.constant(IMAGE), tf.constant(draws, tf.float32), 5.0).numpy()
    np.testing.assert_allclose(after, change("posterize", 0.5, change("solarize", 0.5)))
