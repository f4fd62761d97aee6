"""The evaluation of a whole split: the head, and kNN beside it."""

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfland.config import ExperimentConfig
from tfland.losses.build import Loss, probabilities
from tfland.metrics.binary import binary_scores
from tfland.metrics.gap import gap
from tfland.training.knn import VOTES, NearestNeighbors
from tfland.training.strategy import from_chief, gather

logger = logging.getLogger(__name__)

_TOP = 5
_COLUMNS = 5


@dataclass(frozen=True, kw_only=True)
class Split:
    """Photographs to run a network over.

    Attributes:
        batches: batches (images, labels) as `strategy.distribute` gives them; the last is filled up with copies.
        labels: [N] int, the classes of the photographs themselves; -1 without a landmark.
    """

    batches: Any
    labels: np.ndarray


class Evaluator:
    """Scores a network on every photograph of a split.

    Args:
        network: images -> {"embedding", "logits"}.
        loss: per photograph.
        config: the experiment.
        strategy: the devices.
        validation: what is scored.
        index: training photographs for kNN; None for no kNN.
    """

    def __init__(
        self,
        network: keras.Model,
        loss: Loss,
        config: ExperimentConfig,
        strategy: tf.distribute.Strategy,
        validation: Split,
        index: Split | None = None,
    ) -> None:
        self._network, self._loss, self._config, self._strategy = network, loss, config, strategy
        self._validation, self._index = validation, index
        num_classes = network.output["logits"].shape[-1]
        # float32 factors of the probabilities: 0 for a class that the host's filter leaves out.
        self._allowed = tf.constant(allowed_classes(config, validation.labels, num_classes), tf.float32)
        self._score = tf.function(lambda batch: strategy.run(self._score_replica, args=batch))
        self._embed = tf.function(lambda batch: strategy.run(self._embed_replica, args=batch))

    def evaluate(self) -> dict[str, float]:
        """Scores the split.

        Returns:
            "loss", "top1", "top5" over the photographs with a landmark, "gap" over all, and "knn_gap" where there is
            an index; of a gate "loss", "top1" and what `tfland.metrics.binary.binary_scores` says. The same on every
            worker.
        """
        labels = self._validation.labels
        rows = np.concatenate(list(self._rows(self._validation, self._score)))
        table, embeddings = rows[:, :_COLUMNS], rows[:, _COLUMNS:]
        loss, top1, top5 = table[labels >= 0, :3].mean(axis=0, dtype=np.float64)
        scores = {"loss": float(loss), "top1": float(top1)}
        if self._config.task == "gate":
            # Of two classes: the best one's probability, or what it leaves to the other.
            shows = np.where(table[:, 3] == 1, table[:, 4], 1 - table[:, 4])
            scores |= binary_scores(shows, labels == 1)
        else:
            scores |= {"top5": float(top5), "gap": _gap(labels, table[:, 3], table[:, 4])}
        if self._index is not None:
            scores["knn_gap"] = self._knn(self._index, embeddings)
        # The chief's, because workers on unlike machines may differ in the last digit and must decide alike.
        agreed = from_chief(self._strategy, np.array(list(scores.values())))
        return dict(zip(scores, agreed.tolist(), strict=True))

    def _knn(self, index: Split, queries: np.ndarray) -> float:
        started, neighbors, done = time.monotonic(), NearestNeighbors(queries), 0
        for embeddings in self._rows(index, self._embed):
            neighbors.add(embeddings, index.labels[done : done + len(embeddings)])
            done += len(embeddings)
        classes, confidences = VOTES[self._config.training.knn](*neighbors.best())
        seconds = time.monotonic() - started
        logger.info("kNN: %d photographs against an index of %d in %.1f s", len(queries), done, seconds)
        return _gap(self._validation.labels, classes, confidences)

    def _rows(self, split: Split, step: Any) -> Iterator[np.ndarray]:
        """Yields [B, …] of every batch, without the copies that fill up the last."""
        left = len(split.labels)
        for batch in split.batches:
            yield gather(self._strategy, step(batch))[:left]
            left = max(left - self._config.training.batch_size, 0)

    def _score_replica(self, images: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        """[B, 5 + E] float32: loss, right, right among five, predicted class, its probability; the embedding."""
        outputs = self._network(tf.cast(images, tf.float32), training=False)
        logits = outputs["logits"]
        # Label -1 has no loss; its row is left out later, but must not index outside the logits.
        losses = self._loss(tf.maximum(labels, 0), logits)
        right = tf.argmax(logits, axis=-1, output_type=tf.int32) == labels
        top5 = tf.math.in_top_k(labels, logits, min(_TOP, logits.shape[-1]))
        scores = probabilities(self._config.loss, logits) * self._allowed
        best = tf.argmax(scores, axis=-1, output_type=tf.int32)
        columns = [losses, right, top5, best, tf.reduce_max(scores, axis=-1)]
        table = tf.stack([tf.cast(column, tf.float32) for column in columns], axis=1)
        if self._index is None:
            return table
        return tf.concat([table, tf.cast(outputs["embedding"], tf.float32)], axis=1)

    def _embed_replica(self, images: tf.Tensor, _labels: tf.Tensor) -> tf.Tensor:
        """[B, E] float32."""
        return tf.cast(self._network(tf.cast(images, tf.float32), training=False)["embedding"], tf.float32)


def allowed_classes(config: ExperimentConfig, validation_labels: np.ndarray, num_classes: int) -> np.ndarray:
    """Returns [C] bool: classes that GAP allows; with `training.class_filter` those of the validation photographs."""
    if not config.training.class_filter:
        return np.ones(num_classes, dtype=bool)
    return np.isin(np.arange(num_classes), validation_labels)


def _gap(labels: np.ndarray, classes: np.ndarray, confidences: np.ndarray) -> float:
    """GAP of one prediction for each photograph; no prediction where the confidence is not finite."""
    ids = np.array([f"{number:09d}" for number in range(len(labels))])
    truth = {
        name: frozenset([int(label)]) if label >= 0 else frozenset()
        for name, label in zip(ids.tolist(), labels, strict=True)
    }
    known = np.isfinite(confidences)
    return gap(ids[known], classes[known].astype(np.int64), confidences[known], truth)
