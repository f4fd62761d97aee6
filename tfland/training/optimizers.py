"""Optimizers: Keras's own, one for each group of layers."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

from tfland.config import OptimizerConfig
from tfland.training.gradients import decays


class LayerOptimizer:
    """One Keras optimizer for the head and, where it is treated differently, another for the backbone.

    Two and not one with two rates, because a backbone that thaws late must begin with its own first step: Adam's
    correction of its young averages would otherwise be that of an old run, and its first steps three times too long.

    Attributes:
        iterations: int64 Keras variable, the run's step counter: every step counts, also one whose update was skipped.
    """

    def __init__(self, groups: Sequence[tuple[Any, Sequence[keras.Variable]]]) -> None:
        self._groups = [(optimizer, {id(variable) for variable in variables}) for optimizer, variables in groups]
        self.iterations = groups[0][0].iterations

    @property
    def variables(self) -> list[keras.Variable]:
        """Counters and slots of all groups, in a fixed order."""
        return [variable for optimizer, _ in self._groups for variable in optimizer.variables]

    def apply(self, gradients: Sequence[tf.Tensor], variables: Sequence[keras.Variable]) -> None:
        """Changes variables by gradients that are summed over the replicas already; called on every replica.

        Args:
            gradients: one per variable.
            variables: some or all of those that the optimizer was made for; a group without any does not step.
        """
        for optimizer, members in self._groups:
            pairs = [(g, v) for g, v in zip(gradients, variables, strict=True) if id(v) in members]
            if pairs:
                optimizer.apply(*(list(part) for part in zip(*pairs, strict=True)))

    def skip(self, variables: Sequence[keras.Variable]) -> None:
        """Counts a step of these variables without an update; called in the cross-replica context."""
        for optimizer, members in self._groups:
            if any(id(variable) in members for variable in variables):
                optimizer.iterations.value.assign_add(1)


def build_optimizer(
    config: OptimizerConfig,
    schedule: Any,
    variables: Sequence[keras.Variable],
    backbone: Sequence[keras.Variable] = (),
    freeze_steps: int = 0,
) -> LayerOptimizer:
    """The optimizer of an experiment, with its slots made, so that a checkpoint can be restored into them.

    Args:
        config: the `optimizer` section of an experiment.
        schedule: step -> learning rate, or a number.
        variables: what it will train.
        backbone: those of them that `backbone_rate` and freezing apply to.
        freeze_steps: steps before the backbone's first one.
    """
    if config.backbone_rate == 1.0 and not freeze_steps:
        return LayerOptimizer([(_build(config, schedule, variables), variables)])
    members = {id(variable) for variable in backbone}
    head = [variable for variable in variables if id(variable) not in members]
    trained = [variable for variable in variables if id(variable) in members]
    later = _Later(schedule, config.backbone_rate, freeze_steps)
    return LayerOptimizer([(_build(config, schedule, head), head), (_build(config, later, trained), trained)])


class _Later(keras.optimizers.schedules.LearningRateSchedule):
    """A share of another schedule, of which the first steps are left out."""

    def __init__(self, schedule: Any, share: float, skipped_steps: int) -> None:
        super().__init__()
        self._schedule, self._share, self._skipped_steps = schedule, share, skipped_steps

    def __call__(self, step: Any) -> Any:
        rate = self._schedule(step + self._skipped_steps) if callable(self._schedule) else self._schedule
        return self._share * rate


class _Summed:
    """Keras sums gradients over the replicas; ours are summed already, since clipping needs the whole norm."""

    def _all_reduce_sum_gradients(self, grads_and_vars: Any) -> list[tuple[Any, Any]]:
        return list(grads_and_vars)


class _Sgd(_Summed, keras.optimizers.SGD):
    pass


class _Adam(_Summed, keras.optimizers.Adam):
    pass


class _AdamW(_Summed, keras.optimizers.AdamW):
    pass


def _build(config: OptimizerConfig, schedule: Any, variables: Sequence[keras.Variable]) -> Any:
    optimizer = _BUILDERS[config.name](config, schedule)
    if config.name == "adamw":
        optimizer.exclude_from_weight_decay(var_list=[v for v in variables if not decays(v)])
    optimizer.build(list(variables))
    return optimizer


_BUILDERS: dict[str, Callable[[OptimizerConfig, Any], Any]] = {
    "sgd": lambda config, schedule: _Sgd(schedule, momentum=config.momentum, nesterov=config.nesterov),
    "adam": lambda _, schedule: _Adam(schedule),
    "adamw": lambda config, schedule: _AdamW(schedule, weight_decay=config.weight_decay),
}
