"""The evaluation of a whole split."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfland.config import ExperimentConfig
from tfland.losses.build import Loss, probabilities
from tfland.metrics.gap import gap
from tfland.training.strategy import distribute

_TOP = 5


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
