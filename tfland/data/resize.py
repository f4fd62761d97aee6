"""From a JPEG of any size to the network's square input: pick a window, decode no more than it, scale it."""

from collections.abc import Callable

import tensorflow as tf

# Of tf.io.decode_jpeg: 3 channels make grey JPEGs RGB.
_CHANNELS = 3


def exact_window(height: tf.Tensor, width: tf.Tensor) -> tf.Tensor:
    """The whole photograph, whose aspect ratio is then lost: [4] int32 (y, x, height, width) in pixels."""
    return tf.stack([0, 0, height, width])


def centre_square(height: tf.Tensor, width: tf.Tensor) -> tf.Tensor:
    """The largest centred square: the same as scaling the shortest side and cropping the centre, but cheaper.

    Returns:
        [4] int32 (y, x, height, width) in pixels.
    """
    side = tf.minimum(height, width)
    return tf.stack([(height - side) // 2, (width - side) // 2, side, side])


WINDOWS: dict[str, Callable[[tf.Tensor, tf.Tensor], tf.Tensor]] = {
    "exact": exact_window,
    "shortest_side": centre_square,
}


def decode_window(encoded: tf.Tensor, window: tf.Tensor, size: int) -> tf.Tensor:
    """Decodes a window of a JPEG, skipping the rows below and above it, and scales it.

    Args:
        encoded: scalar string, a JPEG.
        window: [4] int32 (y, x, height, width) in pixels, inside the photograph.
        size: height and width of the result in pixels.

    Returns:
        [size, size, 3] float32 RGB in 0..255.
    """
    pixels = tf.io.decode_and_crop_jpeg(encoded, window, channels=_CHANNELS)
    return scale(pixels, size)


def scale(pixels: tf.Tensor, size: int) -> tf.Tensor:
    """Scales [H, W, 3] to [size, size, 3] float32.

    With antialiasing: plain bilinear sampling skips pixels when it shrinks by more than two, and photographs of
    different sizes would then differ in sharpness.
    """
    scaled = tf.image.resize(pixels, [size, size], method="bilinear", antialias=True)
    return tf.ensure_shape(scaled, [size, size, _CHANNELS])


def to_uint8(image: tf.Tensor) -> tf.Tensor:
    """Rounds float pixels in about 0..255 to uint8, a quarter of the bytes on their way to the network."""
    return tf.saturate_cast(tf.round(image), tf.uint8)


def resize_image(image: tf.Tensor, policy: str, size: int) -> tf.Tensor:
    """What evaluation does to a photograph that is decoded already.

    Args:
        image: [H, W, 3] uint8 RGB.
        policy: "exact" or "shortest_side".
        size: height and width of the result in pixels.

    Returns:
        [size, size, 3] uint8 RGB.
    """
    shape = tf.shape(image)
    y, x, height, width = tf.unstack(WINDOWS[policy](shape[0], shape[1]))
    return to_uint8(scale(image[y : y + height, x : x + width], size))
