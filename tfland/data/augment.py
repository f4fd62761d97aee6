"""Random changes to training photographs, each a pure function of numbers drawn from the example's own seed."""

import math

import tensorflow as tf

from tfland.config import DataConfig
from tfland.data.resize import WINDOWS

# Aspect ratios of random windows reach from 3/4 to 4/3 of the photograph's own, as in Inception's training
# (Szegedy et al. 2015, https://arxiv.org/abs/1409.4842, section 6).
_MAX_ASPECT_CHANGE = 4 / 3
# ITU-R BT.601 luma, as JPEG defines grey.
_LUMA = (0.299, 0.587, 0.114)

# What each of an example's random numbers decides.
_AREA, _ASPECT, _Y, _X, _FLIP, _ANGLE, _BRIGHTNESS, _CONTRAST, _SATURATION = range(9)
NUM_DRAWS = 9


def draw(seed: tf.Tensor) -> tf.Tensor:
    """Draws an example's random numbers: [NUM_DRAWS] float32 in [0, 1) from seed [2] int64."""
    # The algorithm is named because "auto" takes another one on another device.
    return tf.random.stateless_uniform([NUM_DRAWS], seed, alg="philox")


def training_window(height: tf.Tensor, width: tf.Tensor, draws: tf.Tensor, config: DataConfig) -> tf.Tensor:
    """Picks the part of a photograph that one training example shows.

    Args:
        height: scalar int32, of the photograph in pixels.
        width: scalar int32, of the photograph in pixels.
        draws: [NUM_DRAWS] float32, from `draw`.
        config: its `crop`, `resize`, `shift_pixels`, `crop_area_min` and `image_size` count.

    Returns:
        [4] int32 (y, x, height, width) in pixels, inside the photograph.
    """
    whole = WINDOWS[config.resize](height, width)
    if config.crop == "none":
        return whole
    if config.crop == "shift":
        # To scale the whole to image_size + shift and cut image_size out of it is to cut this share and scale that.
        share = config.image_size / (config.image_size + config.shift_pixels)
        return _place(share * tf.cast(whole[2:], tf.float32), whole, draws)
    area = config.crop_area_min + (1 - config.crop_area_min) * draws[_AREA]
    stretch = tf.exp((draws[_ASPECT] - 0.5) * math.log(_MAX_ASPECT_CHANGE))
    sides = tf.cast(whole[2:], tf.float32) * tf.sqrt(area) * tf.stack([stretch, 1 / stretch])
    return _place(sides, tf.stack([0, 0, height, width]), draws)


def augment(image: tf.Tensor, draws: tf.Tensor, config: DataConfig) -> tf.Tensor:
    """Mirrors, recolours and turns a training photograph.

    Args:
        image: [S, S, 3] float32 RGB in 0..255.
        draws: [NUM_DRAWS] float32, from `draw`.
        config: its `flip`, `colour_jitter` and `rotation_degrees` count.

    Returns:
        [S, S, 3] float32 RGB in 0..255.
    """
    if config.flip:
        image = tf.cond(draws[_FLIP] < 0.5, lambda: image[:, ::-1], lambda: image)
    if config.colour_jitter:
        image = _recolour(image, 1 + config.colour_jitter * (2 * draws[_BRIGHTNESS:] - 1))
    if config.rotation_degrees:
        image = rotate(image, math.radians(config.rotation_degrees) * (2 * draws[_ANGLE] - 1))
    return image


def rotate(image: tf.Tensor, angle: tf.Tensor) -> tf.Tensor:
    """Turns [S, S, 3] float32 about its centre by `angle` radians; the corners are filled by reflection."""
    size = image.shape[0]
    centre = (size - 1) / 2
    cosine, sine = tf.cos(angle), tf.sin(angle)
    # Output pixel (x, y) is read at (cos x - sin y + a, sin x + cos y + b); a and b keep the centre in place.
    shift_x = centre - cosine * centre + sine * centre
    shift_y = centre - sine * centre - cosine * centre
    turned = tf.raw_ops.ImageProjectiveTransformV3(
        images=image[None],
        transforms=tf.stack([cosine, -sine, shift_x, sine, cosine, shift_y, 0.0, 0.0])[None],
        output_shape=[size, size],
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="REFLECT",
    )
    return turned[0]


def _place(sides: tf.Tensor, inside: tf.Tensor, draws: tf.Tensor) -> tf.Tensor:
    """A window of about [2] float32 `sides` at random inside the window `inside` [4]."""
    sides = tf.clip_by_value(tf.cast(tf.round(sides), tf.int32), 1, inside[2:])
    room = tf.cast(inside[2:] - sides + 1, tf.float32)
    # A draw just below 1 can round up to `room` itself.
    corner = tf.minimum(tf.cast(tf.stack([draws[_Y], draws[_X]]) * room, tf.int32), inside[2:] - sides)
    return tf.concat([inside[:2] + corner, sides], axis=0)


def _recolour(image: tf.Tensor, factors: tf.Tensor) -> tf.Tensor:
    """Scales brightness, then contrast about the mean grey, then saturation about each pixel's grey."""
    brightness, contrast, saturation = tf.unstack(factors)
    image = image * brightness
    grey = tf.reduce_sum(image * _LUMA, axis=-1, keepdims=True)
    mean = tf.reduce_mean(grey)
    image = grey + saturation * (image - grey)
    return tf.clip_by_value(mean + contrast * (image - mean), 0.0, 255.0)
