"""What a training step makes small: weighted losses of plain and of mixed examples."""

from typing import Any

import tensorflow as tf

from tfland.losses.build import TrainingLoss

# (images, labels [B]) or, with mixup and cutmix, (images, labels [B, 2], shares [B, 2]), whose rows sum to 1.
Batch = tuple[Any, ...]


class Objective:
    """Σ w·ℓ over the global batch, divided by Σ w or by the number of examples, as the loss wants it.

    A mixed example counts as its two classes, each by its share (Zhang et al. 2018, https://arxiv.org/abs/1710.09412,
    equation 1; the cross-entropy of the mixed targets is the same).

    Args:
        loss: losses and weights of examples.
        batch_size: examples of the global batch.
    """

    def __init__(self, loss: TrainingLoss, batch_size: int) -> None:
        self._loss, self._batch_size = loss, batch_size
        self.needs_weight_sum = loss.normalisation == "batch" and loss.example_weights([0], 0.0) is not None

    def weight_sum(self, batch: Batch, epoch: tf.Tensor) -> tf.Tensor:
        """Σ w of this replica's part of the batch, scalar float32; `needs_weight_sum` tells whether it is used."""
        return tf.add_n([tf.reduce_sum(self._weights(*part, epoch)) for part in _parts(batch)])

    def sums(self, batch: Batch, logits: tf.Tensor, epoch: tf.Tensor, weight_sum: tf.Tensor) -> tuple[tf.Tensor, ...]:
        """What this part of the global batch adds to its sums.

        Args:
            batch: the part.
            logits: [B, C] of it.
            epoch: scalar, epochs that are done.
            weight_sum: scalar float32, Σ w of the global batch; used only if `needs_weight_sum`.

        Returns:
            Three scalars float32: loss (its sum over the global batch is batch_size times the mean), right
            predictions, examples.
        """
        best = tf.argmax(logits, axis=-1, output_type=tf.int32)
        loss, correct = tf.zeros([]), tf.zeros([])
        for labels, share in _parts(batch):
            loss += tf.reduce_sum(self._weights(labels, share, epoch) * self._loss(labels, logits))
            correct += tf.reduce_sum(share * tf.cast(best == labels, tf.float32))
        if self.needs_weight_sum:
            loss = loss * self._batch_size / weight_sum
        return loss, correct, tf.cast(tf.shape(best)[0], tf.float32)

    def _weights(self, labels: tf.Tensor, share: tf.Tensor, epoch: tf.Tensor) -> tf.Tensor:
        weights = self._loss.example_weights(labels, epoch)
        return share if weights is None else share * weights


def _parts(batch: Batch) -> list[tuple[tf.Tensor, tf.Tensor]]:
    """(labels [B] int32, shares [B] float32) of each class that an example has."""
    labels = batch[1]
    if len(batch) == 2:
        return [(labels, tf.ones(tf.shape(labels)))]
    return [(labels[:, column], batch[2][:, column]) for column in range(2)]
