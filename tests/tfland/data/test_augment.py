"""All changes together: which numbers decide what, and that nothing changes where nothing is asked for."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from tfland.config import DataConfig
from tfland.data import augment as a

PLAIN = DataConfig(shards="s", image_size=32, crop="none", flip=False, rotation_degrees=0.0, colour_jitter=0.0)
SEED = tf.constant([5, 7], tf.int64)
IMAGE = np.random.default_rng(3).uniform(50, 200, (32, 32, 3)).astype(np.float32)
BYTES = np.floor(IMAGE + 0.5).astype(np.uint8)
ALL = {
    "flip": True, "rotation_degrees": 20.0, "colour_jitter": 0.3, "rand_augment_ops": 2, "erase_probability": 1.0
}  # fmt: skip


def config(**changes: object) -> DataConfig:
    return dataclasses.replace(PLAIN, **changes)  # type: ignore[arg-type]


def draws(setting: DataConfig, **values: float) -> tf.Tensor:
    """Draws that change nothing, but for the named ones."""
    vector = np.full(a.draw(SEED, setting).shape[0], 0.5, np.float32)
    for name, value in values.items():
        vector[getattr(a, f"_{name.upper()}")] = value
    return tf.constant(vector)


def augmented(setting: DataConfig, strength: float = 1.0, **values: float) -> np.ndarray:
    return a.augment(tf.constant(IMAGE), draws(setting, **values), SEED, setting, strength).numpy()


def test_draws_are_a_function_of_the_seed() -> None:
    first, again, other = (a.draw(tf.constant([5, n], tf.int64), PLAIN).numpy() for n in (7, 7, 8))
    np.testing.assert_array_equal(first, again)
    assert (first != other).all()
    assert first.min() >= 0
    assert first.max() < 1


def test_the_window_has_numbers_of_its_own() -> None:
    chance = a.chance(draws(PLAIN, area=0.1, aspect=0.2, y=0.3, x=0.4))
    np.testing.assert_allclose([float(part) for part in chance], [0.1, 0.2, 0.3, 0.4], rtol=1e-6)


def test_nothing_happens_where_nothing_is_asked_for() -> None:
    np.testing.assert_array_equal(augmented(PLAIN, flip=0.1, angle=0.9, brightness=0.1), BYTES)


def test_neutral_draws_change_nothing() -> None:
    setting = config(flip=True, rotation_degrees=20.0, colour_jitter=0.3)
    assert np.abs(augmented(setting).astype(int) - BYTES).max() <= 1


def test_no_strength_anywhere_changes_nothing() -> None:
    setting = config(rand_augment_ops=3, rand_augment_magnitude=0.0, erase_probability=0.0)
    assert np.abs(augmented(setting).astype(int) - BYTES).max() <= 1


@pytest.mark.parametrize("name", ALL)
def test_each_change_does_something_and_the_same_each_time(name: str) -> None:
    setting = config(**{name: ALL[name]})
    numbers = tf.constant(np.random.default_rng(2).uniform(0, 0.4, draws(setting).shape[0]).astype(np.float32))
    first, again = (a.augment(tf.constant(IMAGE), numbers, SEED, setting).numpy() for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert first.dtype == np.uint8
    assert first.shape == IMAGE.shape
    assert (first != BYTES).any()


def test_a_flip_comes_last() -> None:
    np.testing.assert_array_equal(augmented(config(flip=True), flip=0.49), BYTES[:, ::-1])


@pytest.mark.parametrize(("name", "draw"), [("rotation_degrees", "angle"), ("colour_jitter", "brightness")])
def test_rare_classes_are_changed_more(name: str, draw: str) -> None:
    setting = config(**{name: 0.1 if name == "colour_jitter" else 2.0})
    doubled = config(**{name: 0.2 if name == "colour_jitter" else 4.0})
    np.testing.assert_array_equal(augmented(setting, 2.0, **{draw: 0.99}), augmented(doubled, **{draw: 0.99}))


def test_the_greatest_strength_keeps_factors_positive() -> None:
    after = augmented(config(colour_jitter=0.9), 10.0, brightness=0.0)
    assert after.max() > 0
