"""The loss scale rises slowly and falls at once."""

import tensorflow as tf

from tfland.training import loss_scale


def test_it_is_halved_by_one_bad_step_and_doubled_by_many_good_ones(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(loss_scale, "_GROWTH_STEPS", 3)
    scale = loss_scale.LossScale()
    seen = []
    for finite in (True, True, False, True, True, True, True, True, True):
        scale.update(tf.constant(finite))
        seen.append(float(scale.scale) / 2**15)
    assert seen == [1, 1, 0.5, 0.5, 0.5, 1, 1, 1, 2]


def test_it_stays_between_one_and_two_to_the_twenty_fourth(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(loss_scale, "_GROWTH_STEPS", 1)
    scale = loss_scale.LossScale()
    for _ in range(20):
        scale.update(tf.constant(True))
    assert float(scale.scale) == 2.0**24
    assert not bool(scale.is_lowest())
    for _ in range(30):
        scale.update(tf.constant(False))
    assert float(scale.scale) == 1.0
    assert bool(scale.is_lowest())
