"""What is erased: a rectangle of the right area, in its place, with a probability."""

import numpy as np
import pytest
import tensorflow as tf

from tfland.data.erasing import NUM_DRAWS, erase

IMAGE = tf.fill([64, 64, 3], -1.0)
SEED = tf.constant([1, 2], tf.int64)


def erased(kind: str = "random", strength: float = 1.0, probability: float = 1.0, **draws: float) -> np.ndarray:
    names = ("whether", "area", "aspect", "y", "x")
    numbers = tf.constant([draws.get(name, 0.5) for name in names], tf.float32)
    result = erase(IMAGE, numbers, SEED, kind, probability, strength).numpy()
    return (result >= 0).all(axis=-1)


def test_there_is_a_draw_for_every_choice() -> None:
    assert NUM_DRAWS == 5


@pytest.mark.parametrize(("area", "share"), [(0.0, 0.02), (0.5, 0.21), (0.9999999, 0.4)])
def test_the_area_is_the_one_drawn(area: float, share: float) -> None:
    hole = erased(area=area)
    assert hole.mean() == pytest.approx(share, rel=0.3)
    rows, columns = hole.any(axis=1), hole.any(axis=0)
    assert hole.sum() == rows.sum() * columns.sum()


def test_its_place_is_the_one_drawn() -> None:
    assert erased(y=0.0, x=0.99999)[0, -1]
    assert not erased(y=0.0, x=0.99999)[-1].any()


def test_the_aspect_ratio_reaches_both_ways() -> None:
    tall = erased(aspect=0.99999, area=0.3)
    wide = erased(aspect=0.0, area=0.3)
    assert tall.any(axis=1).sum() > 1.5 * tall.any(axis=0).sum()
    assert wide.any(axis=0).sum() > 1.5 * wide.any(axis=1).sum()


def test_cutout_is_a_square_that_may_hang_over() -> None:
    assert erased("cutout").sum() == pytest.approx((0.4 * 64) ** 2, rel=0.05)
    assert erased("cutout", y=0.0, x=0.0).sum() == pytest.approx((0.2 * 64) ** 2, rel=0.2)


def test_nothing_is_erased_where_the_draw_says_so() -> None:
    assert not erased(probability=0.3, whether=0.3).any()
    assert erased(probability=0.3, whether=0.29).any()
    assert not erased(probability=0.0, whether=0.0).any()


def test_a_strength_enlarges_the_area_up_to_everything() -> None:
    assert erased(area=0.3, strength=2.0).sum() > 1.7 * erased(area=0.3).sum()
    assert erased(area=0.99999, strength=10.0).all()


def test_the_noise_is_that_of_the_seed() -> None:
    draws = tf.constant([0.0, 0.5, 0.5, 0.5, 0.5])
    first, again = (erase(IMAGE, draws, SEED, "random", 1.0, 1.0).numpy() for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert first[first >= 0].std() > 50
    assert first.max() <= 255
