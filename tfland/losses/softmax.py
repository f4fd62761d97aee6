"""Softmax cross-entropy, with label smoothing or as the focal loss."""

from typing import Any

import keras
from keras import ops

from tfland.losses.true_class import true_class_logits

# Below this 1 − p the factor is held: the power's derivative at 0 is infinite for γ < 1, and rounding can take the
# cross-entropy of a certain example just below 0.
_MIN_DOUBT = 1e-7


def cross_entropy(labels: Any, logits: Any, label_smoothing: float = 0.0, focal_gamma: float = 0.0) -> Any:
    """Softmax cross-entropy of each example.

    `log Σ_j exp(z_j) − (1 − ε) z_y − ε/C Σ_j z_j`; ε is the label smoothing of Szegedy et al. 2016,
    https://arxiv.org/abs/1512.00567, section 7. With γ above 0 it is multiplied by `(1 − p_y)^γ`: the focal loss, Lin
    et al. 2017, https://arxiv.org/abs/1708.02002, equation 4 (its α are class weights, see `class_weights`).

    Args:
        labels: [B] integer, class indices.
        logits: [B, C], any floating type; computed in float32.
        label_smoothing: ε, share of the target that is spread over all classes, in [0, 1).
        focal_gamma: γ, at least 0; goes without label smoothing.

    Returns:
        [B] float32.
    """
    logits = ops.convert_to_tensor(logits, "float32")
    target = true_class_logits(labels, logits)
    if label_smoothing:
        target = (1 - label_smoothing) * target + label_smoothing * ops.mean(logits, axis=1)
    loss = ops.logsumexp(logits, axis=1) - target
    if focal_gamma:
        loss = loss * ops.power(ops.maximum(-ops.expm1(-loss), _MIN_DOUBT), focal_gamma)
    return loss


@keras.saving.register_keras_serializable(package="tfland")
class SoftmaxLoss(keras.losses.Loss):
    """`cross_entropy` as a Keras loss.

    Args:
        label_smoothing: see `cross_entropy`.
        reduction: as in `keras.losses.Loss`; "none" keeps one value per example.
        focal_gamma: see `cross_entropy`.
    """

    def __init__(
        self,
        label_smoothing: float = 0.0,
        reduction: str = "none",
        name: str = "softmax_loss",
        focal_gamma: float = 0.0,
    ) -> None:
        super().__init__(name=name, reduction=reduction, dtype="float32")
        self._settings = {"label_smoothing": label_smoothing, "focal_gamma": focal_gamma}

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """[B] labels (Keras hands them over as float32, exact below 16.7 million) and [B, C] logits -> [B]."""
        return cross_entropy(y_true, y_pred, **self._settings)

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return {**self._settings, "reduction": self.reduction, "name": self.name}
