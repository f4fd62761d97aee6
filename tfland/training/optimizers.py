"""Optimizers, and what happens to gradients before they reach one."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

from tfland.config import OptimizerConfig


def build_optimizer(config: OptimizerConfig, schedule: Any, variables: Sequence[keras.Variable]) -> Any:
    """The optimizer of an experiment, with its slots made, so that a checkpoint can be restored into them.

    Args:
        config: the `optimizer` section of an experiment.
        schedule: step -> learning rate.
        variables: what it will train.
    """
    optimizer = _BUILDERS[config.name](config, schedule)
    if config.name == "adamw":
        optimizer.exclude_from_weight_decay(var_list=[v for v in variables if not decays(v)])
    optimizer.build(list(variables))
    return optimizer


def decays(variable: keras.Variable) -> bool:
    """Whether weight decay applies: to kernels, not to biases, normalisation, PReLU slopes and GeM exponents.

    The rule of the usual recipes: those all have fewer than two axes.
    """
    return len(variable.shape) > 1


def prepare_gradients(
    gradients: Sequence[tf.Tensor], variables: Sequence[keras.Variable], config: OptimizerConfig
) -> list[tf.Tensor]:
    """Clips gradients by their joint norm and adds the L2 term; called on every replica.

    Args:
        gradients: one per variable, this replica's share of the sum over replicas.
        variables: what they belong to.
        config: `clip_norm`, and `weight_decay` where the optimizer itself does not decay.

    Returns:
        Gradients whose sum over the replicas is the clipped gradient plus weight_decay times the variable.
    """
    context = tf.distribute.get_replica_context()
    replicas = context.num_replicas_in_sync
    prepared = list(gradients)
    if config.clip_norm:
        # The norm of the whole batch's gradient: a replica's own part says nothing about it. The optimizer sums over
        # the replicas once more, hence the division.
        prepared = list(context.all_reduce(tf.distribute.ReduceOp.SUM, prepared)) if replicas > 1 else prepared
        prepared, _ = tf.clip_by_global_norm(prepared, config.clip_norm)
        prepared = [gradient / replicas for gradient in prepared]
    if config.weight_decay and config.name != "adamw":
        share = config.weight_decay / replicas
        return [g + share * v.value if decays(v) else g for g, v in zip(prepared, variables, strict=True)]
    return prepared


def _sgd(config: OptimizerConfig, schedule: Any) -> Any:
    return keras.optimizers.SGD(schedule, momentum=config.momentum, nesterov=config.nesterov)


def _adam(_config: OptimizerConfig, schedule: Any) -> Any:
    return keras.optimizers.Adam(schedule)


def _adamw(config: OptimizerConfig, schedule: Any) -> Any:
    return keras.optimizers.AdamW(schedule, weight_decay=config.weight_decay)


_BUILDERS: dict[str, Callable[[OptimizerConfig, Any], Any]] = {"sgd": _sgd, "adam": _adam, "adamw": _adamw}
