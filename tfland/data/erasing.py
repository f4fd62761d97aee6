"""Random erasing and cutout: a part of the image is replaced by noise."""

import math

import tensorflow as tf

# Random erasing (Zhong et al. 2020, https://arxiv.org/abs/1708.04896, section 4.1): areas and aspect ratios.
_AREA_MIN, _AREA_MAX = 0.02, 0.4
_ASPECT_MAX = 1 / 0.3
# Side of cutout's square (DeVries & Taylor 2017, https://arxiv.org/abs/1708.04552) as a share of the image's. Its
# centre is anywhere in the image, so that a part of it may lie outside.
_CUTOUT_SIDE = 0.4
NUM_DRAWS = 5


def erase(
    image: tf.Tensor, draws: tf.Tensor, seed: tf.Tensor, kind: str, probability: float, strength: tf.Tensor | float
) -> tf.Tensor:
    """Replaces a rectangle by noise, with a probability.

    Args:
        image: [S, S, 3] float32 RGB in 0..255.
        draws: [NUM_DRAWS] float32 in [0, 1): whether, area, aspect ratio, y, x.
        seed: [2] int64, of the noise.
        kind: "random" (inside the image, random area and aspect ratio) or "cutout" (a square, may hang over).
        probability: that anything is erased.
        strength: factor of the largest area.

    Returns:
        [S, S, 3] float32 RGB in 0..255.
    """
    whether, area, aspect, y, x = tf.unstack(draws)

    def erased() -> tf.Tensor:
        size = image.shape[0]
        if kind == "cutout":
            sides = tf.fill([2], tf.minimum(tf.sqrt(tf.cast(strength, tf.float32)) * _CUTOUT_SIDE, 1.0) * size)
            corner = tf.stack([y, x]) * size - sides / 2
        else:
            # A strength above 1 enlarges the area up to the whole image, never beyond it.
            share = tf.minimum((_AREA_MIN + (_AREA_MAX - _AREA_MIN) * area) * strength, 1.0)
            stretch = tf.exp((aspect - 0.5) * math.log(_ASPECT_MAX))
            sides = tf.minimum(tf.sqrt(share) * tf.stack([stretch, 1 / stretch]), 1.0) * size
            corner = tf.stack([y, x]) * (size - sides)
        noise = tf.random.stateless_uniform(image.shape, seed, maxval=255.0, alg="philox")
        return tf.where(_rectangle(corner, sides, size), noise, image)

    return tf.cond(whether < probability, erased, lambda: image)


def _rectangle(corner: tf.Tensor, sides: tf.Tensor, size: int) -> tf.Tensor:
    """[S, S, 1] bool, true inside the rectangle; [2] float32 pixels in (y, x)."""
    middles = tf.range(size, dtype=tf.float32)[:, None] + 0.5
    inside = (middles >= corner) & (middles < corner + sides)
    return (inside[:, None, 0] & inside[None, :, 1])[..., None]
