"""Random changes to training photographs, each a pure function of numbers drawn from the example's own seed."""

import math

import tensorflow as tf

from tfland.config import DataConfig
from tfland.data import erasing
from tfland.data.colour import recolour
from tfland.data.geometry import flip, rotate
from tfland.data.rand_augment import DRAWS_PER_OP, MAX_MAGNITUDE, rand_augment
from tfland.data.resize import to_bytes
from tfland.data.views import Chance

# What each of an example's random numbers decides; after them come those of erasing and of RandAugment.
_AREA, _ASPECT, _Y, _X, _FLIP, _ANGLE, _BRIGHTNESS, _CONTRAST, _SATURATION = range(9)
_ERASE = 9
_RAND_AUGMENT = _ERASE + erasing.NUM_DRAWS
# Colour factors stay above 0, whatever a rare class's strength makes of them.
_MAX_COLOUR_JITTER = 0.95


def draw(seed: tf.Tensor, config: DataConfig) -> tf.Tensor:
    """Draws an example's random numbers: [D] float32 in [0, 1) from seed [2] int64."""
    # The algorithm is named because "auto" takes another one on another device.
    count = _RAND_AUGMENT + DRAWS_PER_OP * config.rand_augment_ops
    return tf.random.stateless_uniform([count], seed, alg="philox")


def chance(draws: tf.Tensor) -> Chance:
    """Returns those of an example's random numbers that decide its window."""
    return Chance(area=draws[_AREA], aspect=draws[_ASPECT], y=draws[_Y], x=draws[_X])


def augment(
    image: tf.Tensor, draws: tf.Tensor, seed: tf.Tensor, config: DataConfig, strength: tf.Tensor | float = 1.0
) -> tf.Tensor:
    """Recolours, turns, changes by RandAugment, erases and mirrors a training photograph.

    Args:
        image: [S, S, 3] float32 RGB in 0..255.
        draws: [D] float32, from `draw`.
        seed: [2] int64, of the noise that fills what is erased.
        config: its settings from `flip` to `erase_probability` count.
        strength: scalar factor of all strengths, above 1 for a class with few photographs.

    Returns:
        [S, S, 3] uint8 RGB.
    """
    if config.colour_jitter:
        share = tf.minimum(config.colour_jitter * strength, _MAX_COLOUR_JITTER)
        factors = 1 + share * (2 * draws[_BRIGHTNESS : _SATURATION + 1] - 1)
        image = recolour(image, factors[0], factors[1], factors[2])
    if config.rotation_degrees:
        largest = tf.minimum(math.radians(config.rotation_degrees) * strength, math.pi)
        image = rotate(image, largest * (2 * draws[_ANGLE] - 1))
    if config.rand_augment_ops:
        magnitude = tf.minimum(config.rand_augment_magnitude * strength, MAX_MAGNITUDE)
        image = rand_augment(image, draws[_RAND_AUGMENT:], magnitude)
    if config.erase_probability:
        own = draws[_ERASE:_RAND_AUGMENT]
        image = erasing.erase(image, own, seed, config.erase, config.erase_probability, strength)
    # Last, because a mirror of bytes is quicker than one of floats; all changes before it are symmetric.
    image = to_bytes(image)
    return flip(image, draws[_FLIP]) if config.flip else image
