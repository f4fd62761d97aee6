"""What happens to gradients between the tape and the optimizer."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from tfland.config import OptimizerConfig


def decays(variable: keras.Variable) -> bool:
    """Whether weight decay applies: to kernels, not to biases, normalisation, PReLU slopes and GeM exponents.

    The rule of the usual recipes: those all have fewer than two axes.
    """
    return len(variable.shape) > 1


def sum_over_replicas(gradients: Sequence[tf.Tensor]) -> list[tf.Tensor]:
    """Each gradient summed over all replicas of all workers; called on every replica."""
    context = tf.distribute.get_replica_context()
    if context.num_replicas_in_sync == 1:
        return list(gradients)
    # A copy that is on this replica's device: what comes out of a loop may be on none, which several workers refuse.
    return list(context.all_reduce(tf.distribute.ReduceOp.SUM, [tf.identity(gradient) for gradient in gradients]))


def micro_batch(batch: Sequence[tf.Tensor], count: int, number: tf.Tensor) -> tuple[tf.Tensor, ...]:
    """One of `count` equal parts of a replica's batch: every count-th example, from the `number`-th on.

    So the n-th micro-batch holds the same examples however many replicas there are.
    """
    return tuple(tf.reshape(part, [-1, count, *part.shape[1:]])[:, number] for part in batch)


def prepare_gradients(
    gradients: Sequence[tf.Tensor],
    variables: Sequence[keras.Variable],
    config: OptimizerConfig,
    scale: Any = None,
) -> tuple[list[tf.Tensor], tf.Tensor]:
    """Takes the loss scale off, clips by the joint norm and adds the L2 term, in this order.

    Args:
        gradients: one per variable, summed over the replicas.
        variables: what they belong to.
        config: `clip_norm`, and `weight_decay` where the optimizer itself does not decay.
        scale: scalar float32, the loss scale; None without one.

    Returns:
        The gradients for the optimizer, and their joint norm before clipping, scalar float32: not finite if any
        gradient is not.
    """
    norm = tf.linalg.global_norm(gradients)
    factors = []
    if scale is not None:
        norm = norm / scale
        factors.append(1.0 / scale)
    if config.clip_norm:
        factors.append(config.clip_norm / tf.maximum(norm, config.clip_norm))
    prepared = [gradient * tf.reduce_prod(factors) for gradient in gradients] if factors else list(gradients)
    if config.weight_decay and config.name != "adamw":
        decay = config.weight_decay
        prepared = [g + decay * v.value if decays(v) else g for g, v in zip(prepared, variables, strict=True)]
    return prepared, norm
