"""Mixed batches: the shares are those of the pixels, and the seed decides everything."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from tfland.config import DataConfig
from tfland.data.mixing import mix_batch

PLAIN = DataConfig(shards="s", image_size=32)
COUNT = 12
# Each photograph has a value of its own, which tells afterwards where a pixel came from.
VALUES = np.arange(COUNT) * 20
IMAGES = tf.constant(np.broadcast_to(VALUES[:, None, None, None], (COUNT, 32, 32, 3)).astype(np.uint8))
LABELS = tf.range(100, 100 + COUNT)


def mixed(seed: int = 1, **changes: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    config = dataclasses.replace(PLAIN, **changes)  # type: ignore[arg-type]
    return tuple(part.numpy() for part in mix_batch(IMAGES, LABELS, tf.constant([seed, 3], tf.int64), config))  # type: ignore[return-value]


@pytest.mark.parametrize(
    "alphas", [{"mixup_alpha": 0.4}, {"cutmix_alpha": 1.0}, {"mixup_alpha": 1.0, "cutmix_alpha": 1.0}]
)
def test_the_shares_are_those_of_the_pixels(alphas: dict[str, float]) -> None:
    images, labels, shares = mixed(**alphas)
    assert images.dtype == np.uint8
    assert labels.dtype == np.int32
    assert shares.dtype == np.float32
    np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-6)
    assert shares.min() >= 0
    own, other = VALUES[labels[:, 0] - 100], VALUES[labels[:, 1] - 100]
    assert labels[:, 0].tolist() == LABELS.numpy().tolist()
    assert sorted(labels[:, 1].tolist()) == LABELS.numpy().tolist()
    np.testing.assert_allclose(images.mean(axis=(1, 2, 3)), shares[:, 0] * own + shares[:, 1] * other, atol=0.51)


def test_cutmix_cuts_a_square_and_mixup_blends() -> None:
    images, labels, _ = mixed(cutmix_alpha=1.0)
    for image, (own, other) in zip(images, labels - 100, strict=True):
        assert set(np.unique(image)) <= {VALUES[own], VALUES[other]}
        cut = (image[..., 0] == VALUES[other]) & (own != other)
        assert cut.sum() == cut.any(axis=1).sum() * cut.any(axis=0).sum()
    assert len(np.unique(mixed(mixup_alpha=1.0)[0][1])) == 1


def test_both_together_take_each_for_some() -> None:
    images, labels, _ = mixed(mixup_alpha=50.0, cutmix_alpha=50.0)
    blended = [len(np.unique(image)) == 1 for image, pair in zip(images, labels, strict=True) if pair[0] != pair[1]]
    assert 0 < sum(blended) < len(blended)


def test_the_seed_decides_everything() -> None:
    for first, again in zip(mixed(mixup_alpha=0.4), mixed(mixup_alpha=0.4), strict=True):
        np.testing.assert_array_equal(first, again)
    assert (mixed(mixup_alpha=0.4)[2] != mixed(2, mixup_alpha=0.4)[2]).any()


def test_the_smallest_alpha_hardly_mixes() -> None:
    shares = mixed(mixup_alpha=0.05)[2]
    assert np.isfinite(shares).all()
    assert (np.minimum(shares[:, 0], shares[:, 1]) < 0.05).mean() > 0.7


def test_shares_follow_the_beta_distribution() -> None:
    config = dataclasses.replace(PLAIN, mixup_alpha=0.4)
    images = tf.zeros([4000, 1, 1, 3], tf.uint8)
    shares = mix_batch(images, tf.zeros([4000], tf.int32), tf.constant([0, 0], tf.int64), config)[2].numpy()[:, 0]
    assert shares.mean() == pytest.approx(0.5, abs=0.03)
    # Beta(a, a) has the variance 1 / (4 (2 a + 1)).
    assert shares.var() == pytest.approx(1 / (4 * 1.8), rel=0.08)
