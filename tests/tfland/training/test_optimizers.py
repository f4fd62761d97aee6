"""One step of each optimizer against the same step by hand."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfland.config import OptimizerConfig, ScheduleConfig
from tfland.training.gradients import decays, micro_batch, prepare_gradients
from tfland.training.optimizers import build_optimizer
from tfland.training.schedules import Schedule

KERNEL, BIAS = np.array([[1.0, -2.0]], np.float32), np.array([0.5], np.float32)
GRADIENTS = [np.array([[3.0, 0.0]], np.float32), np.array([4.0], np.float32)]
RATE = 0.1


def variables() -> list[keras.Variable]:
    return [keras.Variable(KERNEL), keras.Variable(BIAS)]


def prepared(config: OptimizerConfig, scale: float | None = None) -> list[np.ndarray]:
    scaled = [tf.constant(g) * (scale or 1.0) for g in GRADIENTS]
    gradients, norm = prepare_gradients(scaled, variables(), config, scale)
    assert norm.numpy() == pytest.approx(5.0)
    return [gradient.numpy() for gradient in gradients]


def step(config: OptimizerConfig, times: int = 1) -> list[np.ndarray]:
    trained = variables()
    optimizer = build_optimizer(config, RATE, trained)
    for _ in range(times):
        optimizer.apply([tf.constant(g) for g in GRADIENTS], trained)
    return [variable.numpy() for variable in trained]


def test_only_kernels_decay() -> None:
    assert [decays(variable) for variable in variables()] == [True, False]


def test_gradients_are_left_alone_unless_asked_for() -> None:
    for found, expected in zip(prepared(OptimizerConfig(weight_decay=0.0)), GRADIENTS, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_l2_is_added_to_kernels() -> None:
    kernel, bias = prepared(OptimizerConfig(name="sgd", weight_decay=0.5))
    np.testing.assert_allclose(kernel, GRADIENTS[0] + 0.5 * KERNEL)
    np.testing.assert_array_equal(bias, GRADIENTS[1])


def test_the_joint_norm_is_cut_before_decay() -> None:
    """|(3, 0, 4)| = 5, so a limit of 1 divides by 5."""
    kernel, bias = prepared(OptimizerConfig(clip_norm=1.0, weight_decay=0.5))
    np.testing.assert_allclose(kernel, GRADIENTS[0] / 5 + 0.5 * KERNEL, rtol=1e-6)
    np.testing.assert_allclose(bias, GRADIENTS[1] / 5, rtol=1e-6)


def test_sgd_with_momentum() -> None:
    kernel, _ = step(OptimizerConfig(name="sgd", momentum=0.5), times=2)
    # v1 = -ηg; v2 = 0.5 v1 - ηg; w = w0 + v1 + v2 = w0 - 2.5 ηg
    np.testing.assert_allclose(kernel, KERNEL - 2.5 * RATE * GRADIENTS[0], rtol=1e-6)


def test_adams_first_step_is_as_long_as_the_rate() -> None:
    kernel, bias = step(OptimizerConfig(name="adam"))
    np.testing.assert_allclose(kernel, KERNEL - RATE * np.sign(GRADIENTS[0]), atol=1e-5)
    np.testing.assert_allclose(bias, BIAS - RATE, atol=1e-5)


def test_adamw_decays_kernels_only_and_gradients_not_at_all() -> None:
    config = OptimizerConfig(name="adamw", weight_decay=0.5)
    kernel, bias = step(config)
    np.testing.assert_allclose(kernel, KERNEL * (1 - 0.5 * RATE) - RATE * np.sign(GRADIENTS[0]), atol=1e-5)
    np.testing.assert_allclose(bias, BIAS - RATE, atol=1e-5)
    np.testing.assert_array_equal(prepared(config)[0], GRADIENTS[0])


@pytest.mark.parametrize("name", ["sgd", "adam", "adamw"])
def test_slots_exist_before_the_first_step(name: str) -> None:
    """A checkpoint is restored into them."""
    trained = variables()
    optimizer = build_optimizer(OptimizerConfig(name=name), RATE, trained)  # type: ignore[arg-type]
    before = len(optimizer.variables)
    optimizer.apply([tf.constant(g) for g in GRADIENTS], trained)
    assert len(optimizer.variables) == before > 2


def test_the_loss_scale_comes_off_before_the_norm_is_cut() -> None:
    for found, expected in zip(prepared(OptimizerConfig(weight_decay=0.0), 1024.0), GRADIENTS, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-6)
    kernel, _ = prepared(OptimizerConfig(weight_decay=0.0, clip_norm=1.0), 1024.0)
    np.testing.assert_allclose(kernel, GRADIENTS[0] / 5, rtol=1e-6)


def test_a_gradient_that_is_not_finite_shows_in_the_norm() -> None:
    for bad in (np.inf, np.nan):
        _, norm = prepare_gradients([tf.constant([[bad, 0.0]]), tf.constant([1.0])], variables(), OptimizerConfig())
        assert not np.isfinite(norm.numpy())


def test_nesterov_looks_ahead() -> None:
    """v = -ηg, w = w0 + 0.5 v - ηg = w0 - 1.5 ηg (Keras's and PyTorch's form)."""
    kernel, _ = step(OptimizerConfig(name="sgd", momentum=0.5, nesterov=True))
    np.testing.assert_allclose(kernel, KERNEL - 1.5 * RATE * GRADIENTS[0], rtol=1e-6)


def test_the_backbone_takes_its_share_of_the_rate() -> None:
    held = variables()
    optimizer = build_optimizer(OptimizerConfig(backbone_rate=0.25, momentum=0.0), RATE, held, backbone=held[:1])
    optimizer.apply([tf.constant(g) for g in GRADIENTS], held)
    np.testing.assert_allclose(held[0].numpy(), KERNEL - 0.25 * RATE * GRADIENTS[0], rtol=1e-6)
    np.testing.assert_allclose(held[1].numpy(), BIAS - RATE * GRADIENTS[1], rtol=1e-6)


def test_a_late_backbone_begins_with_its_own_first_step() -> None:
    """Adam's first step is as long as the rate, and the rate is that of the run's step."""
    schedule = Schedule(ScheduleConfig(name="step", learning_rate=0.1, step_epochs=4.0, gamma=0.5), 1.0, 8)
    held = variables()
    optimizer = build_optimizer(OptimizerConfig(name="adam"), schedule, held, backbone=held[:1], freeze_steps=4)
    for _ in range(4):
        optimizer.apply([tf.constant(GRADIENTS[1])], held[1:])
    np.testing.assert_array_equal(held[0].numpy(), KERNEL)
    optimizer.apply([tf.constant(g) for g in GRADIENTS], held)
    np.testing.assert_allclose(held[0].numpy(), KERNEL - 0.05 * np.sign(GRADIENTS[0]), atol=1e-5)
    assert int(optimizer.iterations.numpy()) == 5


def test_a_skipped_step_is_counted() -> None:
    held = variables()
    optimizer = build_optimizer(OptimizerConfig(name="adam"), RATE, held)
    optimizer.skip(held)
    assert int(optimizer.iterations.numpy()) == 1
    np.testing.assert_array_equal(held[0].numpy(), KERNEL)


def test_micro_batches_do_not_depend_on_the_number_of_replicas() -> None:
    batch = (tf.range(24), tf.range(24) * 2)
    whole = [set(micro_batch(batch, 3, tf.constant(n))[0].numpy().tolist()) for n in range(3)]
    halves = [
        {int(i) for half in (0, 12) for i in micro_batch((batch[0][half : half + 12],), 3, tf.constant(n))[0]}
        for n in range(3)
    ]
    assert whole == halves
    assert set.union(*whole) == set(range(24))
