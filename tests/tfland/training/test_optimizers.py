"""One step of each optimizer against the same step by hand."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfland.config import OptimizerConfig
from tfland.training.optimizers import build_optimizer, decays, prepare_gradients

KERNEL, BIAS = np.array([[1.0, -2.0]], np.float32), np.array([0.5], np.float32)
GRADIENTS = [np.array([[3.0, 0.0]], np.float32), np.array([4.0], np.float32)]
RATE = 0.1


def variables() -> list[keras.Variable]:
    return [keras.Variable(KERNEL), keras.Variable(BIAS)]


def prepared(config: OptimizerConfig) -> list[np.ndarray]:
    # Inside a strategy, as in training: the gradients of one replica are those of all.
    strategy, held = tf.distribute.OneDeviceStrategy("/cpu:0"), variables()
    return [g.numpy() for g in strategy.run(lambda: prepare_gradients(list(map(tf.constant, GRADIENTS)), held, config))]


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
