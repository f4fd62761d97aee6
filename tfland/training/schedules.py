"""The learning rate as a function of the step."""

import math
from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from tfland.config import ScheduleConfig


class Schedule(keras.optimizers.schedules.LearningRateSchedule):
    """Linear warm-up, then one of three shapes.

    With t the share of the steps after warm-up that are done: "constant" η; "step" η·γ^⌊epochs / step_epochs⌋
    (epochs count from the start of the run; seed 003); "cosine" floor + (η − floor)·(1 + cos πt)/2 (Loshchilov and
    Hutter 2017, https://arxiv.org/abs/1608.03983, equation 5; seed 001). In warm-up, step n of w has η·(n + 1)/w
    (Goyal et al. 2017, https://arxiv.org/abs/1706.02677, section 2.2).

    Args:
        config: the `schedule` section of an experiment.
        steps_per_epoch: may be a fraction, since batches may span two epochs.
        num_steps: of the whole run.
    """

    def __init__(self, config: ScheduleConfig, steps_per_epoch: float, num_steps: int) -> None:
        super().__init__()
        self._config, self._steps_per_epoch, self._num_steps = config, steps_per_epoch, num_steps

    def __call__(self, step: Any) -> Any:
        """The learning rate of a step (counted from 0): scalar float32."""
        step = ops.cast(step, "float32")
        warmup = self._config.warmup_epochs * self._steps_per_epoch
        done = (step - warmup) / max(self._num_steps - warmup, 1.0)
        rate = _SHAPES[self._config.name](self._config, ops.clip(done, 0.0, 1.0), step / self._steps_per_epoch)
        if not warmup:
            return rate
        rising = self._config.learning_rate * ops.minimum((step + 1) / warmup, 1.0)
        return ops.where(step < warmup, rising, rate)


def _constant(config: ScheduleConfig, _done: Any, epoch: Any) -> Any:
    return config.learning_rate * ops.ones_like(epoch)


def _step(config: ScheduleConfig, _done: Any, epoch: Any) -> Any:
    return config.learning_rate * ops.power(config.gamma, ops.floor(epoch / config.step_epochs))


def _cosine(config: ScheduleConfig, done: Any, _epoch: Any) -> Any:
    return config.floor + (config.learning_rate - config.floor) * 0.5 * (1 + ops.cos(math.pi * done))


_SHAPES: dict[str, Callable[[ScheduleConfig, Any, Any], Any]] = {
    "constant": _constant,
    "step": _step,
    "cosine": _cosine,
}
