"""From a JPEG of any size to the network's input: decode no more than the view needs, and scale it.

There are two ways. Evaluation and prediction decode in full and scale with antialiasing. Training takes `decode_fast`,
which loses what noise and colour jitter hide many times over; benchmarks/README.md has its speed and its PSNR.
"""

from collections.abc import Callable

import tensorflow as tf

from tfland.data.views import View, evaluation_view

# Of tf.io.decode_jpeg: 3 channels make grey JPEGs RGB.
_CHANNELS = 3
# libjpeg's reduced decodings, one for each number of halvings.
_RATIOS = (2, 4, 8)
# A reduced decoding always covers the whole photograph, a full one ends with the window's last row: only a window that
# reaches far down gains by it. From 0.5 to 0.9 the time is the same (800-px photographs).
_REDUCED_FROM = 0.7
# Where fewer source pixels than this stand for one, bilinear sampling skips little (35 dB, benchmarks/README.md).
_BILINEAR_UNTIL = 1.6


def decode_view(encoded: tf.Tensor, view: View, size: tuple[int, int]) -> tf.Tensor:
    """Decodes a view of a JPEG in full and scales it with antialiasing.

    Args:
        encoded: scalar string, a JPEG.
        view: the part to show.
        size: height and width of the result in pixels.

    Returns:
        [*size, 3] float32 RGB in 0..255, black beside the view.
    """
    pixels = tf.io.decode_and_crop_jpeg(encoded, view.window, channels=_CHANNELS)
    return _centre(scale(pixels, view.size), view, size)


def decode_fast(encoded: tf.Tensor, shape: tf.Tensor, view: View, size: tuple[int, int]) -> tf.Tensor:
    """Decodes a view of a JPEG by the quickest way that still averages where it shrinks.

    A view that is shrunk by two or more comes from libjpeg's decoding at 1/2, 1/4 or 1/8, whose pixels are means of
    those of the full one; what it leaves to shrink, less than two, is done by bilinear sampling. Chroma is repeated,
    not interpolated.

    Args:
        encoded: scalar string, a JPEG.
        shape: [2] int32, its height and width in pixels.
        view: the part to show.
        size: height and width of the result in pixels.

    Returns:
        [*size, 3] float32 RGB in 0..255, black beside the view.
    """
    window, target = view.window, tf.convert_to_tensor(view.size, tf.int32)
    shrink = tf.reduce_min(tf.cast(window[2:], tf.float32) / tf.cast(target, tf.float32))
    last_row = tf.cast(window[0] + window[2], tf.float32) / tf.cast(shape[0], tf.float32)
    halvings = tf.cast(tf.floor(tf.math.log(tf.maximum(shrink, 1.0)) / tf.math.log(2.0) + 1e-4), tf.int32)
    way = tf.where(last_row >= _REDUCED_FROM, tf.minimum(halvings, len(_RATIOS)), 0)
    ways: list[Callable[[], tf.Tensor]] = [lambda: _decode_window(encoded, window, target, shrink)]
    ways += [lambda ratio=ratio: _decode_reduced(encoded, window, target, ratio) for ratio in _RATIOS]  # type: ignore[misc]
    return _centre(tf.switch_case(way, ways), view, size)


def scale(pixels: tf.Tensor, size: tf.Tensor | tuple[int, int]) -> tf.Tensor:
    """Scales [H, W, 3] to [*size, 3] float32.

    With antialiasing: plain bilinear sampling skips pixels when it shrinks by more than two, and photographs of
    different sizes would then differ in sharpness.
    """
    return tf.image.resize(pixels, size, method="bilinear", antialias=True)


def to_uint8(image: tf.Tensor) -> tf.Tensor:
    """Rounds float pixels in about 0..255 to uint8, a quarter of the bytes on their way to the network."""
    return tf.saturate_cast(tf.round(image), tf.uint8)


def to_bytes(image: tf.Tensor) -> tf.Tensor:
    """Rounds float pixels that are surely within 0..255 to uint8, in a third of the time of `to_uint8`."""
    return tf.cast(image + 0.5, tf.uint8)


def resize_image(image: tf.Tensor, policy: str, size: tuple[int, int]) -> tf.Tensor:
    """What evaluation does to a photograph that is decoded already.

    Args:
        image: [H, W, 3] uint8 RGB.
        policy: "exact", "shortest_side" or "longest_side".
        size: height and width of the result in pixels.

    Returns:
        [*size, 3] uint8 RGB.
    """
    view = evaluation_view(tf.shape(image)[:2], policy, size)
    y, x, height, width = tf.unstack(view.window)
    return to_uint8(_centre(scale(image[y : y + height, x : x + width], view.size), view, size))


def _decode_window(encoded: tf.Tensor, window: tf.Tensor, target: tf.Tensor, shrink: tf.Tensor) -> tf.Tensor:
    """Decodes a window, skipping the rows below it, and scales it to `target`."""
    pixels = tf.io.decode_and_crop_jpeg(encoded, window, channels=_CHANNELS, fancy_upscaling=False)
    return tf.cond(
        shrink < _BILINEAR_UNTIL,
        lambda: _bilinear(pixels, target),
        lambda: tf.raw_ops.ResizeArea(images=pixels[None], size=target)[0],
    )


def _decode_reduced(encoded: tf.Tensor, window: tf.Tensor, target: tf.Tensor, ratio: int) -> tf.Tensor:
    """Decodes the photograph at 1/ratio and scales the window to `target`; its edges move by up to ratio / 2."""
    pixels = tf.io.decode_jpeg(encoded, channels=_CHANNELS, ratio=ratio, fancy_upscaling=False)
    there = tf.shape(pixels)[:2]
    corner = tf.minimum((window[:2] + ratio // 2) // ratio, there - 1)
    sides = tf.clip_by_value((window[2:] + ratio // 2) // ratio, 1, there - corner)
    part = tf.slice(pixels, tf.concat([corner, [0]], 0), tf.concat([sides, [_CHANNELS]], 0))
    return _bilinear(part, target)


def _bilinear(pixels: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    return tf.raw_ops.ResizeBilinear(images=pixels[None], size=target, half_pixel_centers=True)[0]


def _centre(image: tf.Tensor, view: View, size: tuple[int, int]) -> tf.Tensor:
    """Puts a view into the middle of its input; one that always fills it is left alone."""
    if not isinstance(view.size, tuple):
        free = tf.convert_to_tensor(size) - tf.shape(image)[:2]
        before = free // 2
        image = tf.pad(image, tf.concat([tf.stack([before, free - before], axis=1), [[0, 0]]], axis=0))
    return tf.ensure_shape(image, [*size, _CHANNELS])
