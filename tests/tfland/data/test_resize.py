"""Views are decoded and scaled; the quick way loses little."""

import cv2
import numpy as np
import pytest
import tensorflow as tf

from tfland.data.resize import decode_fast, decode_view, resize_image, to_bytes, to_uint8
from tfland.data.views import View


def picture(height: int, width: int, seed: int = 0) -> np.ndarray:
    """A picture with detail at several scales."""
    rng, total = np.random.default_rng(seed), np.full((height, width, 3), 128, np.float32)
    for cells, strength in ((4, 50), (16, 30), (64, 15)):
        coarse = rng.normal(0, strength, (cells, cells, 3)).astype(np.float32)
        total += cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return total.clip(0, 255).astype(np.uint8)


def jpeg(pixels: np.ndarray) -> tf.Tensor:
    return tf.constant(cv2.imencode(".jpg", pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes())


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    return 10 * np.log10(255**2 / np.mean((np.asarray(a, float) - np.asarray(b, float)) ** 2))


def test_a_decoded_view_is_the_view_of_the_decoded_photograph() -> None:
    encoded = jpeg(picture(60, 90))
    whole = tf.io.decode_jpeg(encoded, channels=3).numpy()
    window = decode_view(encoded, View(tf.constant([10, 20, 32, 32]), (32, 32)), (32, 32))
    difference = np.abs(window.numpy() - whole[10:42, 20:52])
    # At the window's edge libjpeg has no neighbour to take colour from.
    assert difference[2:-2, 2:-2].max() == 0
    assert difference.max() < 16


@pytest.mark.parametrize("side", [32, 40, 63, 64, 66, 130, 190, 256])
@pytest.mark.parametrize("last_row", ["inside", "at the end"])
def test_the_quick_way_is_close_to_the_full_one(side: int, last_row: str) -> None:
    """From a magnification of 1 to a reduction by 8, by all of its four decodings."""
    height = 420 if last_row == "inside" else side + 8
    encoded = jpeg(picture(height, 300))
    view = View(tf.constant([8, 16, side, side]), (32, 32))
    full = decode_view(encoded, view, (32, 32))
    quick = decode_fast(encoded, tf.constant([height, 300]), view, (32, 32))
    assert quick.shape == (32, 32, 3)
    assert quick.numpy().min() >= 0
    assert quick.numpy().max() <= 255
    assert psnr(quick, full) > 30


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 200), (200, 1), (17, 9)])
def test_the_quick_way_takes_the_smallest_photographs(height: int, width: int) -> None:
    flat = np.full((height, width, 3), 90, np.uint8)
    view = View(tf.constant([0, 0, height, width]), (32, 32))
    np.testing.assert_allclose(decode_fast(jpeg(flat), tf.constant([height, width]), view, (32, 32)), 90, atol=2)


@pytest.mark.parametrize("decode", ["full", "quick"])
def test_a_view_that_does_not_fill_the_input_is_centred_on_black(decode: str) -> None:
    encoded = jpeg(np.full((40, 80, 3), 200, np.uint8))
    view = View(tf.constant([0, 0, 40, 80]), tf.constant([16, 32]))
    if decode == "full":
        image = decode_view(encoded, view, (32, 32)).numpy()
    else:
        image = decode_fast(encoded, tf.constant([40, 80]), view, (32, 32)).numpy()
    assert image.shape == (32, 32, 3)
    assert image[:8].max() == 0
    assert image[24:].max() == 0
    np.testing.assert_allclose(image[8:24], 200, atol=2)


def test_prediction_and_validation_see_the_same() -> None:
    encoded = jpeg(picture(70, 50))
    decoded = tf.io.decode_jpeg(encoded, channels=3)
    view = View(tf.constant([0, 0, 70, 50]), (32, 48))
    np.testing.assert_array_equal(
        resize_image(decoded, "exact", (32, 48)), to_uint8(decode_view(encoded, view, (32, 48)))
    )
    assert resize_image(decoded, "longest_side", (32, 32)).shape == (32, 32, 3)


def test_shrinking_averages_instead_of_skipping() -> None:
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 255
    assert np.abs(resize_image(tf.constant(stripes), "exact", (16, 16)).numpy().astype(int) - 128).max() < 20


def test_a_grey_jpeg_becomes_rgb() -> None:
    encoded = tf.constant(cv2.imencode(".jpg", np.full((20, 20), 77, np.uint8))[1].tobytes())
    image = decode_fast(encoded, tf.constant([20, 20]), View(tf.constant([0, 0, 20, 20]), (16, 16)), (16, 16))
    np.testing.assert_allclose(image, 77, atol=1)


def test_rounding_stays_in_range() -> None:
    assert to_uint8(tf.constant([-3.0, 0.4, 0.6, 254.6, 300.0])).numpy().tolist() == [0, 0, 1, 255, 255]
    assert to_bytes(tf.constant([0.0, 0.4, 0.6, 254.4, 255.0])).numpy().tolist() == [0, 0, 1, 254, 255]
