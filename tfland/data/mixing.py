"""Mixup and CutMix: each photograph of a batch is mixed with another one of the same batch, and has both labels."""

import tensorflow as tf

from tfland.config import DataConfig
from tfland.data.resize import to_bytes

# Numbers to tell apart the random choices that one step's seed decides.
_PARTNERS, _FIRST, _SECOND, _WHICH, _PLACE = range(5)


def mix_batch(
    images: tf.Tensor, labels: tf.Tensor, seed: tf.Tensor, config: DataConfig
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Mixes a global batch, before it is divided among replicas: a pure function of the batch and the seed.

    Mixup (Zhang et al. 2018, https://arxiv.org/abs/1710.09412): x = s x_i + (1 - s) x_j. CutMix (Yun et al. 2019,
    https://arxiv.org/abs/1905.04899): a square of x_j, of the area 1 - s, on x_i. s is drawn for each photograph
    from Beta(alpha, alpha); the partners are a random permutation of the batch.

    Args:
        images: [B, S, S, 3] uint8 RGB.
        labels: [B] int32.
        seed: [2] int64, of the step.
        config: its `mixup_alpha` and `cutmix_alpha` count; with both, each photograph takes one of the two.

    Returns:
        Images [B, S, S, 3] uint8, labels [B, 2] int32, shares [B, 2] float32 whose rows add up to 1.
    """
    count = images.shape[0]
    order = tf.argsort(tf.random.stateless_uniform([count], _fork(seed, _PARTNERS), alg="philox"), stable=True)
    others = tf.gather(images, order)
    mixed, share = images, tf.ones([count])
    if config.cutmix_alpha:
        mixed, share = _cutmix(images, others, _beta(seed, count, config.cutmix_alpha), seed)
    if config.mixup_alpha:
        own = _beta(seed, count, config.mixup_alpha)
        blended = _mixup(images, others, own)
        is_blended = tf.random.stateless_uniform([count], _fork(seed, _WHICH), alg="philox") < 0.5
        if not config.cutmix_alpha:
            is_blended = tf.fill([count], True)
        mixed = tf.where(is_blended[:, None, None, None], blended, mixed)
        share = tf.where(is_blended, own, share)
    pairs = tf.stack([labels, tf.gather(labels, order)], axis=1)
    return mixed, pairs, tf.stack([share, 1 - share], axis=1)


def _mixup(images: tf.Tensor, others: tf.Tensor, share: tf.Tensor) -> tf.Tensor:
    images, others = tf.cast(images, tf.float32), tf.cast(others, tf.float32)
    return to_bytes(others + share[:, None, None, None] * (images - others))


def _cutmix(images: tf.Tensor, others: tf.Tensor, share: tf.Tensor, seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the images and the share of each that is left: that of its pixels, after rounding."""
    count, size = images.shape[0], images.shape[1]
    side = tf.cast(tf.round(tf.sqrt(1 - share) * size), tf.int32)
    places = tf.random.stateless_uniform([2, count], _fork(seed, _PLACE), alg="philox")
    corner = tf.cast(places * tf.cast(size - side + 1, tf.float32), tf.int32)
    corner = tf.minimum(corner, size - side)
    pixels = tf.range(size)[None, None]
    inside = (pixels >= corner[..., None]) & (pixels < (corner + side)[..., None])
    is_cut = (inside[0, :, :, None] & inside[1, :, None, :])[..., None]
    left = 1 - tf.cast(side * side, tf.float32) / (size * size)
    return tf.where(is_cut, others, images), left


def _beta(seed: tf.Tensor, count: int, alpha: float) -> tf.Tensor:
    """[count] float32 from Beta(alpha, alpha), as the share of one of two Gamma variables."""
    first, second = (
        tf.random.stateless_gamma([count], _fork(seed, number), alpha=alpha, dtype=tf.float64)
        for number in (_FIRST, _SECOND)
    )
    return tf.cast(first / (first + second), tf.float32)


def _fork(seed: tf.Tensor, number: int) -> tf.Tensor:
    """Another seed for each choice of one step."""
    return tf.random.experimental.stateless_fold_in(seed, number, alg="philox")
