"""Views: which window of a photograph one example shows, and how large it appears in the network's input.

A view is (window, size): window [4] int32 (y, x, height, width) in pixels of the photograph, size [2] int32 (height,
width) in pixels of the input, centred in it; what is beside it is black.
"""

import math
from typing import Any, NamedTuple

import tensorflow as tf

from tfland.config import DataConfig

# Aspect ratios of random windows reach from 3/4 to 4/3 of the photograph's own, as in Inception's training
# (Szegedy et al. 2015, https://arxiv.org/abs/1409.4842, section 6).
_MAX_ASPECT_CHANGE = 4 / 3


class View(NamedTuple):
    """A part of a photograph and its size in the input.

    Attributes:
        window: [4] int32 (y, x, height, width) in pixels, inside the photograph.
        size: [2] int32, or two ints where every photograph has the same: (height, width) in pixels.
    """

    window: tf.Tensor
    size: Any


class Chance(NamedTuple):
    """Four random numbers in [0, 1) that decide a training window: each a scalar float32."""

    area: tf.Tensor
    aspect: tf.Tensor
    y: tf.Tensor
    x: tf.Tensor


def evaluation_view(shape: tf.Tensor, policy: str, size: tuple[int, int]) -> View:
    """The view of a whole photograph.

    Args:
        shape: [2] int32, height and width of the photograph in pixels.
        policy: "exact" (both sides scaled, aspect ratio lost), "shortest_side" (the largest centred square: the same
            as scaling the shortest side and cropping the centre, but cheaper) or "longest_side" (all of it, fitted).
        size: height and width of the input in pixels.
    """
    if policy == "shortest_side":
        side = tf.fill([2], tf.reduce_min(shape))
        return View(tf.concat([(shape - side) // 2, side], axis=0), size)
    window = tf.concat([[0, 0], shape], axis=0)
    if policy == "exact":
        return View(window, size)
    sides = tf.cast(shape, tf.float32)
    return View(window, _at_least_one(sides * (size[0] / tf.reduce_max(sides))))


def training_view(shape: tf.Tensor, chance: Chance, config: DataConfig) -> View:
    """The view of one training example.

    Args:
        shape: [2] int32, height and width of the photograph in pixels.
        chance: random numbers.
        config: its `crop`, `resize`, `shift_pixels`, `shift_pixels_x`, `crop_area_min` and `image_size` count.
    """
    size = (config.image_size, config.image_size)
    if config.crop == "none":
        return evaluation_view(shape, config.resize, size)
    if config.crop == "shift":
        whole = evaluation_view(shape, config.resize, size).window
        # To scale the whole to image_size + shift and cut image_size out of it is to cut this share and scale that.
        share = config.image_size / (config.image_size + config.shift_pixels)
        return View(_place(share * tf.cast(whole[2:], tf.float32), whole[:2], whole[2:], chance), size)
    if config.crop == "random":
        return _random_view(shape, chance, config)
    area = config.crop_area_min + (1 - config.crop_area_min) * chance.area
    stretch = tf.exp((chance.aspect - 0.5) * math.log(_MAX_ASPECT_CHANGE))
    sides = tf.cast(shape, tf.float32) * tf.sqrt(area) * tf.stack([stretch, 1 / stretch])
    return View(_place(sides, tf.zeros([2], tf.int32), shape, chance), size)


def _random_view(shape: tf.Tensor, chance: Chance, config: DataConfig) -> View:
    """A window of the input's size anywhere in the scaled photograph, as by albumentations' RandomCrop."""
    sides, size = tf.cast(shape, tf.float32), config.image_size
    shift_x = config.shift_pixels if config.shift_pixels_x is None else config.shift_pixels_x
    if config.resize == "exact":
        share = tf.constant([size / (size + config.shift_pixels), size / (size + shift_x)])
        return View(_place(sides * share, tf.zeros([2], tf.int32), shape, chance), (size, size))
    side = tf.reduce_min(sides) if config.resize == "shortest_side" else tf.reduce_max(sides)
    scaled = sides * ((size + config.shift_pixels) / side)
    window = _place(sides * tf.minimum(size / scaled, 1.0), tf.zeros([2], tf.int32), shape, chance)
    # Only the longest side is sure to fill the input.
    return View(window, (size, size) if config.resize == "shortest_side" else _at_least_one(tf.minimum(scaled, size)))


def _place(sides: tf.Tensor, corner: tf.Tensor, room: tf.Tensor, chance: Chance) -> tf.Tensor:
    """A window of about [2] float32 `sides` at random inside the window at `corner` of the size `room`."""
    sides = tf.clip_by_value(tf.cast(tf.round(sides), tf.int32), 1, room)
    free = room - sides
    # A draw just below 1 can round up to free + 1 itself.
    moved = tf.cast(tf.stack([chance.y, chance.x]) * tf.cast(free + 1, tf.float32), tf.int32)
    return tf.concat([corner + tf.minimum(moved, free), sides], axis=0)


def _at_least_one(sides: tf.Tensor) -> tf.Tensor:
    return tf.maximum(tf.cast(tf.round(sides), tf.int32), 1)
