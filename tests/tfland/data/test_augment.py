"""Random changes: where windows can lie, and what each change does to known pixels."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from tfland.config import DataConfig
from tfland.data import augment as a

PLAIN = DataConfig(shards="s", image_size=32, crop="none", flip=False, rotation_degrees=0.0, colour_jitter=0.0)


def config(**changes: object) -> DataConfig:
    return dataclasses.replace(PLAIN, **changes)  # type: ignore[arg-type]


def draws(**values: float) -> tf.Tensor:
    """Draws that change nothing, but for the named ones."""
    vector = np.full(a.NUM_DRAWS, 0.5, np.float32)
    for name, value in values.items():
        vector[getattr(a, f"_{name.upper()}")] = value
    return tf.constant(vector)


def image(size: int = 32) -> tf.Tensor:
    return tf.constant(np.random.default_rng(3).uniform(50, 200, (size, size, 3)).astype(np.float32))


def test_draws_are_a_function_of_the_seed() -> None:
    first, again, other = (a.draw(tf.constant([5, n], tf.int64)).numpy() for n in (7, 7, 8))
    np.testing.assert_array_equal(first, again)
    assert (first != other).all()
    assert first.min() >= 0
    assert first.max() < 1


@pytest.mark.parametrize("crop", ["none", "shift", "random_resized"])
@pytest.mark.parametrize("resize", ["exact", "shortest_side"])
def test_windows_stay_inside_the_photograph(crop: str, resize: str) -> None:
    setting = config(crop=crop, resize=resize, crop_area_min=0.1)
    window = tf.function(lambda h, w, d: a.training_window(h, w, d, setting))
    rng = np.random.default_rng(0)
    for height, width in ((1, 1), (1, 40), (37, 90), (200, 31)):
        for _ in range(20):
            vector = rng.choice([0.0, 0.5, 0.99999994], a.NUM_DRAWS).astype(np.float32)
            y, x, h, w = window(tf.constant(height), tf.constant(width), tf.constant(vector)).numpy()
            assert 0 <= y <= y + h <= height
            assert 0 <= x <= x + w <= width
            assert h >= 1
            assert w >= 1


def test_a_shifted_window_has_the_right_share() -> None:
    window = a.training_window(tf.constant(96), tf.constant(48), draws(y=0.0, x=0.9999), config(crop="shift"))
    # 32 / (32 + 16) of the sides; at the top and at the right.
    assert window.numpy().tolist() == [0, 16, 64, 32]


def test_a_random_window_has_the_area_asked_for() -> None:
    setting = config(crop="random_resized", crop_area_min=0.25)
    smallest = a.training_window(tf.constant(100), tf.constant(200), draws(area=0.0), setting).numpy()
    assert smallest.tolist() == [25, 50, 50, 100]
    tall = a.training_window(tf.constant(100), tf.constant(200), draws(area=0.0, aspect=0.99999), setting).numpy()
    assert tall[2] / tall[3] == pytest.approx(0.5 * 4 / 3, rel=0.02)
    assert tall[2] * tall[3] == pytest.approx(5000, rel=0.02)


def test_nothing_happens_where_nothing_is_asked_for() -> None:
    np.testing.assert_array_equal(a.augment(image(), draws(flip=0.1, angle=0.9), PLAIN), image())


def test_neutral_draws_change_nothing() -> None:
    setting = config(flip=True, rotation_degrees=20.0, colour_jitter=0.3)
    np.testing.assert_allclose(a.augment(image(), draws(), setting), image(), atol=1e-3)


def test_a_flip_mirrors_left_and_right() -> None:
    np.testing.assert_array_equal(a.augment(image(), draws(flip=0.49), config(flip=True)), image()[:, ::-1])


@pytest.mark.parametrize("size", [32, 33])
def test_a_quarter_turn_moves_every_pixel_to_its_place(size: int) -> None:
    """Positive angles turn the picture counter-clockwise, since y points down."""
    turned = a.rotate(image(size), tf.constant(np.pi / 2, tf.float32))
    np.testing.assert_allclose(turned, np.rot90(image(size).numpy()), atol=0.05)


def test_rotation_stays_within_its_limit_and_keeps_the_mean() -> None:
    flat = tf.fill([32, 32, 3], 90.0)
    np.testing.assert_allclose(a.augment(flat, draws(angle=0.0), config(rotation_degrees=20.0)), 90, atol=1e-3)


@pytest.mark.parametrize(("name", "change"), [("brightness", 1.2), ("contrast", 1.2), ("saturation", 1.2)])
def test_colour_changes_do_what_they_say(name: str, change: float) -> None:
    before = image().numpy()
    after = a.augment(image(), draws(**{name: 0.99999994}), config(colour_jitter=0.2)).numpy()
    grey = before @ np.array([0.299, 0.587, 0.114])
    expected = {
        "brightness": before * change,
        "contrast": grey.mean() + change * (before - grey.mean()),
        "saturation": grey[..., None] + change * (before - grey[..., None]),
    }[name]
    np.testing.assert_allclose(after, np.clip(expected, 0, 255), atol=0.01)
