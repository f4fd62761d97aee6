"""Flips and linear maps of known pixels."""

import numpy as np
import pytest
import tensorflow as tf

from tfland.data.geometry import flip, rotate, warp


def image(size: int = 32) -> tf.Tensor:
    return tf.constant(np.random.default_rng(3).uniform(50, 200, (size, size, 3)).astype(np.float32))


def test_a_flip_mirrors_left_and_right_for_half_of_the_draws() -> None:
    np.testing.assert_array_equal(flip(image(), tf.constant(0.49)), image()[:, ::-1])
    np.testing.assert_array_equal(flip(image(), tf.constant(0.5)), image())


@pytest.mark.parametrize("size", [32, 33])
def test_a_quarter_turn_moves_every_pixel_to_its_place(size: int) -> None:
    """Positive angles turn the picture counter-clockwise, since y points down."""
    turned = rotate(image(size), tf.constant(np.pi / 2, tf.float32))
    np.testing.assert_allclose(turned, np.rot90(image(size).numpy()), atol=0.05)


def test_no_angle_and_no_shift_change_nothing() -> None:
    np.testing.assert_allclose(rotate(image(), tf.constant(0.0)), image(), atol=1e-3)
    np.testing.assert_allclose(warp(image(), 1.0, 0.0, 0.0, 1.0, 0.0, 0.0), image(), atol=1e-3)


def test_a_shift_moves_by_whole_pixels_and_reflects_at_the_edge() -> None:
    moved = warp(image(), 1.0, 0.0, 0.0, 1.0, 3.0, 0.0).numpy()
    np.testing.assert_allclose(moved[:, :-3], image()[:, 3:], atol=1e-3)
    assert moved[:, -3:].min() >= 50
