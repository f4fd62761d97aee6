"""RandAugment (Cubuk et al. 2020, https://arxiv.org/abs/1909.13719): N changes out of a list, all of one strength.

The list and the greatest changes are the paper's (section 3 and its AutoAugment predecessor). One thing differs: what
has no strength there (autocontrast, equalize) is blended with the image in proportion to the magnitude, so that
magnitude 0 changes nothing.
"""

from collections.abc import Callable

import tensorflow as tf

from tfland.data.colour import recolour
from tfland.data.geometry import rotate, warp

MAX_MAGNITUDE = 10.0
_MAX_ANGLE = 0.5236  # 30 degrees
_MAX_SHEAR = 0.3
_MAX_SHIFT = 0.45  # of the side, as in AutoAugment
_MAX_FACTOR = 0.9
_MAX_BITS_LOST = 4.0
# Which change, and which way.
DRAWS_PER_OP = 2

Change = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


def rand_augment(image: tf.Tensor, draws: tf.Tensor, magnitude: tf.Tensor | float) -> tf.Tensor:
    """Applies one change for each pair of draws, one after the other.

    Args:
        image: [S, S, 3] float32 RGB in 0..255.
        draws: [DRAWS_PER_OP · N] float32 in [0, 1).
        magnitude: scalar, 0 (no change) to 10.

    Returns:
        [S, S, 3] float32 RGB in 0..255.
    """
    strength = tf.cast(magnitude, tf.float32) / MAX_MAGNITUDE
    for which, way in draws_in_pairs(draws):
        level = tf.where(way < 0.5, -strength, strength)
        number = tf.minimum(tf.cast(which * len(CHANGES), tf.int32), len(CHANGES) - 1)
        branches = [lambda change=change, now=image, level=level: change(now, level) for change in CHANGES.values()]
        image = tf.ensure_shape(tf.switch_case(number, branches), image.shape)
    return image


def draws_in_pairs(draws: tf.Tensor) -> list[tuple[tf.Tensor, tf.Tensor]]:
    """Splits [2 N] draws into N pairs."""
    return [(draws[first], draws[first + 1]) for first in range(0, draws.shape[0], DRAWS_PER_OP)]


def _autocontrast(image: tf.Tensor, level: tf.Tensor) -> tf.Tensor:
    """Stretches every channel to 0..255."""
    low, high = tf.reduce_min(image, axis=[0, 1]), tf.reduce_max(image, axis=[0, 1])
    flat = high - low < 1.0
    stretched = (image - low) * (255.0 / tf.where(flat, 1.0, high - low))
    return _blend(image, tf.where(flat, image, stretched), level)


def _equalize(image: tf.Tensor, level: tf.Tensor) -> tf.Tensor:
    """Makes every channel's values about equally frequent."""
    values = tf.cast(tf.clip_by_value(image, 0.0, 255.0), tf.int32)
    channels = []
    for channel in tf.unstack(values, axis=-1):
        below = tf.cumsum(tf.math.bincount(tf.reshape(channel, [-1]), minlength=256, maxlength=256))
        first = tf.reduce_min(tf.where(below > 0, below, tf.size(channel)))
        spread = tf.cast(tf.size(channel) - first, tf.float32)
        table = tf.cast(below - first, tf.float32) * (255.0 / tf.maximum(spread, 1.0))
        # A channel of one value stays as it is.
        channels.append(tf.where(spread > 0, tf.gather(table, channel), tf.cast(channel, tf.float32)))
    return _blend(image, tf.stack(channels, axis=-1), level)


def _posterize(image: tf.Tensor, level: tf.Tensor) -> tf.Tensor:
    """Keeps the 8 (level 0) to 4 (level 1) highest bits."""
    step = tf.pow(2.0, tf.round(_MAX_BITS_LOST * tf.abs(level)))
    return tf.where(step > 1.0, tf.floor(image / step) * step, image)


def _solarize(image: tf.Tensor, level: tf.Tensor) -> tf.Tensor:
    """Inverts what is brighter than a threshold that falls from 256 to 0."""
    return tf.where(image < 256.0 * (1.0 - tf.abs(level)), image, 255.0 - image)


def _sharpness(image: tf.Tensor, level: tf.Tensor) -> tf.Tensor:
    """Away from (level above 0) or towards a smoothed image; the outermost pixels stay."""
    kernel = tf.constant([[1.0, 1, 1], [1, 5, 1], [1, 1, 1]])[..., None, None] / 13.0
    smooth = tf.nn.depthwise_conv2d(image[None], tf.tile(kernel, [1, 1, 3, 1]), [1, 1, 1, 1], "VALID")[0]
    inside = image[1:-1, 1:-1] + _MAX_FACTOR * level * (image[1:-1, 1:-1] - smooth)
    edges = image - tf.pad(image[1:-1, 1:-1], [[1, 1], [1, 1], [0, 0]])
    return tf.clip_by_value(edges + tf.pad(inside, [[1, 1], [1, 1], [0, 0]]), 0.0, 255.0)


def _blend(image: tf.Tensor, changed: tf.Tensor, level: tf.Tensor) -> tf.Tensor:
    return tf.clip_by_value(image + tf.abs(level) * (changed - image), 0.0, 255.0)


def _shift(level: tf.Tensor, image: tf.Tensor) -> tf.Tensor:
    return _MAX_SHIFT * level * image.shape[0]


CHANGES: dict[str, Change] = {
    "identity": lambda image, level: image,
    "autocontrast": _autocontrast,
    "equalize": _equalize,
    "rotate": lambda image, level: rotate(image, _MAX_ANGLE * level),
    "solarize": _solarize,
    "colour": lambda image, level: recolour(image, 1.0, 1.0, 1.0 + _MAX_FACTOR * level),
    "posterize": _posterize,
    "contrast": lambda image, level: recolour(image, 1.0, 1.0 + _MAX_FACTOR * level, 1.0),
    "brightness": lambda image, level: recolour(image, 1.0 + _MAX_FACTOR * level, 1.0, 1.0),
    "sharpness": _sharpness,
    "shear_x": lambda image, level: warp(image, 1.0, _MAX_SHEAR * level, 0.0, 1.0, 0.0, 0.0),
    "shear_y": lambda image, level: warp(image, 1.0, 0.0, _MAX_SHEAR * level, 1.0, 0.0, 0.0),
    "translate_x": lambda image, level: warp(image, 1.0, 0.0, 0.0, 1.0, _shift(level, image), 0.0),
    "translate_y": lambda image, level: warp(image, 1.0, 0.0, 0.0, 1.0, 0.0, _shift(level, image)),
}
