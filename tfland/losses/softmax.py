"""Softmax cross-entropy."""

from typing import Any

import keras
from keras import ops


def cross_entropy(labels: Any, logits: Any, label_smoothing: float = 0.0) -> Any:
    """Softmax cross-entropy of each example.

    `log Σ_j exp(z_j) − (1 − ε) z_y − ε/C Σ_j z_j`; ε is the label smoothing of Szegedy et al. 2016,
    https://arxiv.org/abs/1512.00567, section 7.

    Args:
        labels: [B] integer, class indices.
        logits: [B, C], any floating type; computed in float32.
        label_smoothing: ε, share of the target that is spread over all classes, in [0, 1).

    Returns:
        [B] float32.
    """
    logits = ops.cast(logits, "float32")
    target = ops.take_along_axis(logits, ops.cast(labels, "int32")[:, None], axis=1)[:, 0]
    if label_smoothing:
        target = (1 - label_smoothing) * target + label_smoothing * ops.mean(logits, axis=1)
    return ops.logsumexp(logits, axis=1) - target


@keras.saving.register_keras_serializable(package="tfland")
class SoftmaxLoss(keras.losses.Loss):
    """`cross_entropy` as a Keras loss.

    Args:
        label_smoothing: see `cross_entropy`.
        reduction: as in `keras.losses.Loss`; "none" keeps one value per example.
    """

    def __init__(self, label_smoothing: float = 0.0, reduction: str = "none", name: str = "softmax_loss") -> None:
        super().__init__(name=name, reduction=reduction, dtype="float32")
        self._label_smoothing = label_smoothing

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """[B] labels (Keras hands them over as float32, exact below 16.7 million) and [B, C] logits -> [B]."""
        return cross_entropy(y_true, y_pred, self._label_smoothing)

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return {"label_smoothing": self._label_smoothing, "reduction": self.reduction, "name": self.name}
