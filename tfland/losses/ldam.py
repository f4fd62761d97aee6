"""LDAM: softmax cross-entropy with a margin by class size on the true class."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from tfland.losses.softmax import cross_entropy
from tfland.losses.true_class import replace_true_class, true_class_logits


def ldam(
    labels: Any,
    logits: Any,
    margins: Any,
    *,
    scale: float = 1.0,
    label_smoothing: float = 0.0,
    focal_gamma: float = 0.0,
) -> Any:
    """LDAM loss of each example.

    The true class's logit is `s · (z_y − Δ_y)`, all others are `s · z_j`; then softmax cross-entropy. Seed 002,
    equation 1; Cao et al. 2019, https://arxiv.org/abs/1906.07413, section 3.2. The scale is not in the equation: the
    authors' published code has s = 30 on a cosine head; s = 1 is the equation itself, for a linear head.

    Computed in float32 whatever the policy.

    Args:
        labels: [B] integer, class indices.
        logits: [B, C], or cosines, any floating type.
        margins: [C] Δ, from `ldam_margins`.
        scale: s.
        label_smoothing: as in `cross_entropy`.
        focal_gamma: as in `cross_entropy`.

    Returns:
        [B] float32.
    """
    logits = ops.convert_to_tensor(logits, "float32")
    margin = ops.take(ops.convert_to_tensor(margins, "float32"), ops.cast(labels, "int32"))
    target = true_class_logits(labels, logits) - margin
    return cross_entropy(labels, scale * replace_true_class(labels, logits, target), label_smoothing, focal_gamma)


@keras.saving.register_keras_serializable(package="tfland")
class LDAMLoss(keras.losses.Loss):
    """`ldam` as a Keras loss.

    Args:
        margins: [C] Δ, from `ldam_margins`.
        scale: see `ldam`.
        label_smoothing: see `cross_entropy`.
        focal_gamma: see `cross_entropy`.
        reduction: as in `keras.losses.Loss`; "none" keeps one value per example.
    """

    def __init__(
        self,
        margins: Sequence[float],
        scale: float = 1.0,
        label_smoothing: float = 0.0,
        focal_gamma: float = 0.0,
        reduction: str = "none",
        name: str = "ldam_loss",
    ) -> None:
        super().__init__(name=name, reduction=reduction, dtype="float32")
        self._margins = np.asarray(margins, np.float32)
        self._settings = {"scale": scale, "label_smoothing": label_smoothing, "focal_gamma": focal_gamma}

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """[B] labels (Keras hands them over as float32, exact below 16.7 million) and [B, C] logits -> [B]."""
        return ldam(y_true, y_pred, self._margins, **self._settings)

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return {
            **self._settings,
            "margins": self._margins.tolist(),
            "reduction": self.reduction,
            "name": self.name,
        }
