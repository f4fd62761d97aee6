"""Recognition by the most similar training photographs, to be measured beside the head."""

from typing import Any

import numpy as np
import tensorflow as tf

_NEIGHBORS = 3


def choose_index(labels: np.ndarray, allowed: np.ndarray, per_class: int, seed: int) -> np.ndarray:
    """Returns [M] int64, the records that become the index, in their order.

    Args:
        labels: [N] int, classes of the training records.
        allowed: [C] bool, classes that may be in the index.
        per_class: records of a class, drawn without replacement; 0 for all.
        seed: of the experiment.
    """
    numbers = np.flatnonzero(allowed[labels])
    if per_class:
        shuffled = np.random.default_rng([seed, len(labels)]).permutation(numbers)
        by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
        classes = labels[by_class]
        place_in_class = np.arange(len(classes)) - np.searchsorted(classes, classes)
        numbers = np.sort(by_class[place_in_class < per_class])
    return numbers


class NearestNeighbors:
    """The most similar index photographs of each query by cosine, while the index goes by in batches.

    Exact, in memory for the queries and one batch: [N, E] + [N, B] float32.

    Args:
        queries: [N, E] float32, embeddings of any length.
    """

    def __init__(self, queries: np.ndarray) -> None:
        self._queries = tf.math.l2_normalize(tf.constant(queries, tf.float32), axis=1)
        count = len(queries)
        self._similarities = tf.fill([count, _NEIGHBORS], -np.inf)
        self._labels = tf.fill([count, _NEIGHBORS], -1)

    def add(self, embeddings: np.ndarray, labels: np.ndarray) -> None:
        """Looks at a batch of the index.

        Args:
            embeddings: [B, E] float32, of any length.
            labels: [B] int, their classes.
        """
        self._similarities, self._labels = _merge(
            self._queries,
            self._similarities,
            self._labels,
            tf.constant(embeddings, tf.float32),
            tf.constant(labels, tf.int32),
        )

    def best(self) -> tuple[np.ndarray, np.ndarray]:
        """Returns classes [N, 3] int32 and cosines [N, 3] float32, the best first; -1 and -inf where there is none."""
        return self._labels.numpy(), self._similarities.numpy()


def vote_best(labels: np.ndarray, similarities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The class of the most similar photograph, and the similarity as its confidence: [N] int, [N] float."""
    return labels[:, 0], similarities[:, 0]


def vote_top3(labels: np.ndarray, similarities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The class with the largest sum of similarities among three, and that sum (seed 001, section 2.4, step 4).

    Args:
        labels: [N, 3] int.
        similarities: [N, 3] float, -inf where there is no neighbour.

    Returns:
        [N] int and [N] float; of equal sums the class of the most similar photograph.
    """
    same = labels[:, :, None] == labels[:, None, :]
    known = np.where(np.isfinite(similarities), similarities, 0.0)
    sums = (same * known[:, None, :]).sum(axis=2)
    sums = np.where(np.isfinite(similarities), sums, -np.inf)
    winner = sums.argmax(axis=1)
    rows = np.arange(len(labels))
    return labels[rows, winner], sums[rows, winner]


VOTES = {"best": vote_best, "top3": vote_top3}


@tf.function(reduce_retracing=True)
def _merge(queries: Any, similarities: Any, labels: Any, embeddings: Any, new_labels: Any) -> tuple[Any, Any]:
    new = tf.matmul(queries, tf.math.l2_normalize(embeddings, axis=1), transpose_b=True)
    # The ones known come first: of equal similarities the earlier photograph stays.
    values = tf.concat([similarities, new], axis=1)
    classes = tf.concat([labels, tf.broadcast_to(new_labels, tf.shape(new))], axis=1)
    best, places = tf.math.top_k(values, _NEIGHBORS)
    return best, tf.gather(classes, places, batch_dims=1)
