"""A loss scale for float16 that every replica and every worker agrees on."""

import tensorflow as tf

# 2**15 as in Keras and PyTorch's defaults' neighbourhood; a scale that is too high costs one skipped step a halving.
_INITIAL = 2.0**15
_GROWTH_STEPS = 2000
_HIGHEST = 2.0**24


class LossScale:
    """A factor on the loss that keeps small float16 gradients from vanishing.

    It doubles after 2000 steps in a row with finite gradients and is halved by one without, whose update is skipped
    (Micikevicius et al. 2018, https://arxiv.org/abs/1710.03740, section 3.2). Keras's own `LossScaleOptimizer` judges
    the gradients of each replica before they are summed: one replica's infinity then ruins the weights of all, or
    leaves the workers waiting for each other. Here the verdict comes from the summed gradients.

    To be made in the strategy's scope; `update` belongs in the cross-replica context.

    Attributes:
        scale: float32 variable, from 1 to 2**24.
        good_steps: int64 variable, steps in a row with finite gradients.
    """

    def __init__(self) -> None:
        first = tf.VariableAggregation.ONLY_FIRST_REPLICA
        self.scale = tf.Variable(_INITIAL, dtype=tf.float32, trainable=False, aggregation=first)
        self.good_steps = tf.Variable(0, dtype=tf.int64, trainable=False, aggregation=first)

    def is_lowest(self) -> tf.Tensor:
        """Scalar bool: a gradient that is not finite at this scale is not the scale's fault."""
        return self.scale <= 1.0

    def update(self, finite: tf.Tensor) -> None:
        """Takes note of a step.

        Args:
            finite: scalar bool, whether all gradients of the step were finite.
        """
        good_steps = tf.where(finite, self.good_steps + 1, 0)
        grows = good_steps >= _GROWTH_STEPS
        higher = tf.where(grows, tf.minimum(self.scale * 2, _HIGHEST), self.scale)
        scale = tf.where(finite, higher, tf.maximum(self.scale / 2, 1.0))
        self.scale.assign(scale)
        self.good_steps.assign(tf.where(grows, tf.zeros_like(good_steps), good_steps))
