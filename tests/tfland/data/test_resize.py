"""Windows lie where they should, and only they are decoded."""

import cv2
import numpy as np
import pytest
import tensorflow as tf

from tfland.data.resize import WINDOWS, decode_window, resize_image, to_uint8


@pytest.mark.parametrize(
    ("policy", "height", "width", "expected"),
    [
        ("exact", 30, 50, [0, 0, 30, 50]),
        ("shortest_side", 30, 50, [0, 10, 30, 30]),
        ("shortest_side", 51, 30, [10, 0, 30, 30]),
        ("shortest_side", 1, 1, [0, 0, 1, 1]),
    ],
)
def test_windows(policy: str, height: int, width: int, expected: list[int]) -> None:
    assert WINDOWS[policy](tf.constant(height), tf.constant(width)).numpy().tolist() == expected


def test_a_decoded_window_is_the_window_of_the_decoded_photograph() -> None:
    pixels = cv2.resize(np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8), (90, 60))
    encoded = tf.constant(cv2.imencode(".jpg", pixels)[1].tobytes())
    whole = tf.io.decode_jpeg(encoded, channels=3).numpy()
    window = decode_window(encoded, tf.constant([10, 20, 32, 32]), 32)
    difference = np.abs(window.numpy() - whole[10:42, 20:52])
    # At the window's edge libjpeg has no neighbour to take colour from.
    assert difference[2:-2, 2:-2].max() == 0
    assert difference.max() < 16


def test_shrinking_averages_instead_of_skipping() -> None:
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 255
    assert np.abs(resize_image(tf.constant(stripes), "exact", 16).numpy().astype(int) - 128).max() < 20


def test_a_grey_jpeg_becomes_rgb() -> None:
    encoded = cv2.imencode(".jpg", np.full((20, 20), 77, np.uint8))[1].tobytes()
    image = decode_window(tf.constant(encoded), tf.constant([0, 0, 20, 20]), 16)
    assert image.shape == (16, 16, 3)
    np.testing.assert_allclose(image, 77, atol=1)


def test_rounding_stays_in_range() -> None:
    assert to_uint8(tf.constant([-3.0, 0.4, 0.6, 254.6, 300.0])).numpy().tolist() == [0, 0, 1, 255, 255]
