"""The inner loop: one training step on every replica."""

from typing import Any

import keras
import orbit
import tensorflow as tf

from tfland.config import ExperimentConfig
from tfland.losses.build import Loss
from tfland.training.optimizers import prepare_gradients

# What `Trainer.totals` sums over the examples since the epoch began.
LOSS, CORRECT, EXAMPLES = range(3)


class Trainer(orbit.StandardTrainer):
    """Trains one network; orbit runs the steps in a loop inside TensorFlow.

    The step counter is the optimizer's own (`optimizer.iterations`). The loss is the mean over the global batch: each
    replica's sum is divided by the size of the whole batch and the optimizer sums over the replicas.

    Attributes:
        totals: [3] float64 variable: summed loss, right predictions and examples since it was last set to 0.
        bad_step: int64 variable: the first step with a loss that was not finite, or -1.
    """

    def __init__(
        self,
        network: keras.Model,
        loss: Loss,
        optimizer: Any,
        config: ExperimentConfig,
        strategy: tf.distribute.Strategy,
    ) -> None:
        # The data set comes later (`train_dataset`): it begins at the step that a checkpoint restores.
        super().__init__(train_dataset=None)
        self._network, self._loss, self._optimizer = network, loss, optimizer
        self._config, self._strategy = config, strategy
        self.totals = tf.Variable(tf.zeros([3], tf.float64), trainable=False)
        self.bad_step = tf.Variable(-1, dtype=tf.int64, trainable=False)

    @property
    def step(self) -> int:
        """Steps that are done."""
        return int(self._optimizer.iterations.numpy())

    def train_step(self, iterator: Any) -> None:
        """One step on every replica; traced once."""
        # A copy: a cast to the type that it has already would hand on the variable, to be read after the step.
        step = tf.identity(tf.cast(self._optimizer.iterations.value, tf.int64))
        per_replica = self._strategy.run(self._replica_step, args=next(iterator))
        sums = self._strategy.reduce(tf.distribute.ReduceOp.SUM, per_replica, axis=None)
        self.totals.assign_add(tf.cast(sums, tf.float64))
        is_first_bad = tf.logical_and(self.bad_step < 0, tf.logical_not(tf.math.is_finite(sums[LOSS])))
        self.bad_step.assign(tf.where(is_first_bad, step, self.bad_step))

    def _replica_step(self, images: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        variables = self._network.trainable_variables
        with tf.GradientTape() as tape:
            logits = self._network(tf.cast(images, tf.float32), training=True)["logits"]
            summed_loss = tf.reduce_sum(self._loss(labels, logits))
            loss = summed_loss / self._config.training.batch_size
        gradients = tape.gradient(loss, [variable.value for variable in variables])
        self._optimizer.apply(prepare_gradients(gradients, variables, self._config.optimizer), variables)
        best = tf.argmax(logits, axis=-1, output_type=tf.int32)
        correct = tf.reduce_sum(tf.cast(best == labels, tf.float32))
        return tf.stack([summed_loss, correct, tf.cast(tf.shape(labels)[0], tf.float32)])
