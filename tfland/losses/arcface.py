"""ArcFace: softmax cross-entropy with an additive angular margin on the true class."""

import math
from typing import Any

import keras
from keras import ops

from tfland.losses.softmax import cross_entropy

# Below this sin² the derivative of the root is no longer finite in float32 (1 - cos² comes in steps of 6e-8).
_MIN_SINE_SQUARED = 1e-7


def arcface(
    labels: Any,
    cosines: Any,
    *,
    scale: float,
    margin: float,
    label_smoothing: float = 0.0,
) -> Any:
    """ArcFace loss of each example.

    The true class's logit is `s · cos(θ_y + m)`, all others are `s · cos θ_j`; then softmax cross-entropy. Deng et
    al. 2019, https://arxiv.org/abs/1801.07698, equation 3. Once θ + m > π, where the cosine would rise again, the
    logit is `s · (cos θ − sin(π − m) · m)`, as in the authors' published code.

    Computed in float32 whatever the policy. Only the true class's cosine is touched: at 203,094 classes a one-hot
    matrix would cost three times the time.

    Args:
        labels: [B] integer, class indices.
        cosines: [B, C] in [-1, 1], any floating type.
        scale: s.
        margin: m in radians.
        label_smoothing: as in `cross_entropy`.

    Returns:
        [B] float32.
    """
    cosines = ops.clip(ops.cast(cosines, "float32"), -1.0, 1.0)
    columns = ops.cast(labels, "int32")[:, None]
    target = _with_margin(ops.take_along_axis(cosines, columns, axis=1)[:, 0], margin)
    rows = ops.arange(ops.shape(columns)[0], dtype="int32")[:, None]
    cosines = ops.scatter_update(cosines, ops.concatenate([rows, columns], axis=1), target)
    return cross_entropy(labels, scale * cosines, label_smoothing)


def _with_margin(cosine: Any, margin: float) -> Any:
    """`cos(θ + m)`, and its straight continuation past π; [B] -> [B]."""
    sine = ops.sqrt(ops.clip(1 - ops.square(cosine), _MIN_SINE_SQUARED, 1.0))
    shifted = cosine * math.cos(margin) - sine * math.sin(margin)
    past_pi = cosine < math.cos(math.pi - margin)
    return ops.where(past_pi, cosine - math.sin(math.pi - margin) * margin, shifted)


@keras.saving.register_keras_serializable(package="tfland")
class ArcFaceLoss(keras.losses.Loss):
    """`arcface` as a Keras loss.

    Args:
        scale: s; 45 in the published code of seed 001.
        margin: m in radians; 0.3 to 0.4 in seed 001.
        label_smoothing: as in `cross_entropy`.
        reduction: as in `keras.losses.Loss`; "none" keeps one value per example.
    """

    def __init__(
        self,
        scale: float = 45.0,
        margin: float = 0.3,
        label_smoothing: float = 0.0,
        reduction: str = "none",
        name: str = "arcface_loss",
    ) -> None:
        super().__init__(name=name, reduction=reduction, dtype="float32")
        self._settings = {"scale": scale, "margin": margin, "label_smoothing": label_smoothing}

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """[B] labels (Keras hands them over as float32, exact below 16.7 million) and [B, C] cosines -> [B]."""
        return arcface(y_true, y_pred, **self._settings)

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return {**self._settings, "reduction": self.reduction, "name": self.name}
