"""ArcFace: softmax cross-entropy with an additive angular margin on the true class."""

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from tfland.losses.softmax import cross_entropy
from tfland.losses.true_class import replace_true_class, true_class_logits

# Below this sin² the derivative of the root is no longer finite in float32 (1 - cos² comes in steps of 6e-8).
_MIN_SINE_SQUARED = 1e-7


def arcface(
    labels: Any,
    cosines: Any,
    *,
    scale: float,
    margin: Any,
    easy_margin: bool = False,
    label_smoothing: float = 0.0,
    focal_gamma: float = 0.0,
) -> Any:
    """ArcFace loss of each example.

    The true class's logit is `s · cos(θ_y + m)`, all others are `s · cos θ_j`; then softmax cross-entropy. Deng et
    al. 2019, https://arxiv.org/abs/1801.07698, equation 3. Once θ + m > π, where the cosine would rise again, the
    logit is `s · (cos θ − sin(π − m) · m)`, as in the authors' published code. With the easy margin of that code it is
    `s · cos θ` instead, without a margin, wherever θ ≥ π/2.

    Computed in float32 whatever the policy. Only the true class's cosine is touched.

    Args:
        labels: [B] integer, class indices.
        cosines: [B, C] in [-1, 1], any floating type.
        scale: s.
        margin: m in radians, one number or [C], one for each class (see `dynamic_margins`).
        easy_margin: no margin beyond 90°.
        label_smoothing: as in `cross_entropy`.
        focal_gamma: as in `cross_entropy`.

    Returns:
        [B] float32.
    """
    cosines = ops.convert_to_tensor(cosines, "float32")
    target = true_class_logits(labels, cosines)
    constants = _margin_constants(margin)
    if constants.ndim > 1:
        constants = ops.unstack(ops.take(ops.convert_to_tensor(constants), ops.cast(labels, "int32"), axis=1), num=4)
    target = _with_margin(target, *constants, easy_margin=easy_margin)
    return cross_entropy(labels, scale * replace_true_class(labels, cosines, target), label_smoothing, focal_gamma)


def _margin_constants(margin: Any) -> np.ndarray:
    """[4] or [4, C] float32: cos m, sin m, cos(π − m), sin(π − m) · m."""
    m = np.asarray(margin, np.float64)
    return np.stack([np.cos(m), np.sin(m), np.cos(math.pi - m), np.sin(math.pi - m) * m]).astype(np.float32)


def _with_margin(cosine: Any, cos_m: Any, sin_m: Any, boundary: Any, step: Any, *, easy_margin: bool) -> Any:
    """`cos(θ + m)`, and how it goes on past the boundary; all [B] or one number -> [B]."""
    sine = ops.sqrt(ops.maximum(1 - ops.square(cosine), _MIN_SINE_SQUARED))
    shifted = cosine * cos_m - sine * sin_m
    if easy_margin:
        return ops.where(cosine > 0, shifted, cosine)
    return ops.where(cosine < boundary, cosine - step, shifted)


@keras.saving.register_keras_serializable(package="tfland")
class ArcFaceLoss(keras.losses.Loss):
    """`arcface` as a Keras loss.

    Args:
        scale: s; 45 in the published code of seed 001.
        margin: m in radians; 0.3 to 0.4 in seed 001. One number, or one for each class.
        label_smoothing: as in `cross_entropy`.
        reduction: as in `keras.losses.Loss`; "none" keeps one value per example.
        easy_margin: see `arcface`.
        focal_gamma: as in `cross_entropy`.
    """

    def __init__(
        self,
        scale: float = 45.0,
        margin: float | Sequence[float] = 0.3,
        label_smoothing: float = 0.0,
        reduction: str = "none",
        name: str = "arcface_loss",
        easy_margin: bool = False,
        focal_gamma: float = 0.0,
    ) -> None:
        super().__init__(name=name, reduction=reduction, dtype="float32")
        self._margin = np.asarray(margin, np.float64)
        self._settings: dict[str, Any] = {
            "scale": scale,
            "label_smoothing": label_smoothing,
            "easy_margin": easy_margin,
            "focal_gamma": focal_gamma,
        }

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """[B] labels (Keras hands them over as float32, exact below 16.7 million) and [B, C] cosines -> [B]."""
        return arcface(y_true, y_pred, margin=self._margin, **self._settings)

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return {**self._settings, "margin": self._margin.tolist(), "reduction": self.reduction, "name": self.name}
