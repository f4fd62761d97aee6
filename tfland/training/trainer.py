"""The inner loop: one training step on every replica, and the evaluation of a whole split."""

from typing import Any

import keras
import numpy as np
import orbit
import tensorflow as tf

from tfland.config import ExperimentConfig
from tfland.losses.build import Loss, probabilities
from tfland.metrics.gap import gap
from tfland.training.optimizers import prepare_gradients
from tfland.training.strategy import distribute

_TOP = 5
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


class Evaluator:
    """Scores a network on every photograph of a split."""

    def __init__(
        self,
        network: keras.Model,
        loss: Loss,
        config: ExperimentConfig,
        strategy: tf.distribute.Strategy,
        dataset: tf.data.Dataset,
    ) -> None:
        self._network, self._loss, self._loss_config = network, loss, config.loss
        self._strategy = strategy
        self._dataset = distribute(strategy, dataset)
        self._step = tf.function(lambda batch: strategy.run(self._replica_step, args=batch))

    def evaluate(self, labels: np.ndarray) -> dict[str, float]:
        """Returns "loss", "top1", "top5" over the photographs with a landmark, and "gap" over all.

        Args:
            labels: [N] int of the split, in the order of its records; -1 without a landmark.
        """
        parts = [self._gather(self._step(batch)) for batch in self._dataset]
        # The last batch is filled up with copies.
        table = np.concatenate(parts)[: len(labels)]
        loss, top1, top5 = table[labels >= 0, :3].mean(axis=0, dtype=np.float64)
        ids = np.array([f"{number:09d}" for number in range(len(labels))])
        truth = {
            name: frozenset([int(label)]) if label >= 0 else frozenset()
            for name, label in zip(ids.tolist(), labels, strict=True)
        }
        score = gap(ids, table[:, 3].astype(np.int64), table[:, 4], truth)
        return {"loss": float(loss), "top1": float(top1), "top5": float(top5), "gap": score}

    def _replica_step(self, images: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        """[B, 5] float32: loss, right, right among five, predicted class, its probability."""
        logits = self._network(tf.cast(images, tf.float32), training=False)["logits"]
        # Label -1 has no loss; its row is left out later, but must not index outside the logits.
        losses = self._loss(tf.maximum(labels, 0), logits)
        scores = probabilities(self._loss_config, logits)
        best = tf.argmax(scores, axis=-1, output_type=tf.int32)
        top5 = tf.math.in_top_k(labels, logits, min(_TOP, logits.shape[-1]))
        columns = [losses, best == labels, top5, best, tf.reduce_max(scores, axis=-1)]
        return tf.stack([tf.cast(column, tf.float32) for column in columns], axis=1)

    def _gather(self, per_replica: Any) -> np.ndarray:
        parts = self._strategy.experimental_local_results(per_replica)
        return np.concatenate([part.numpy() for part in parts])
