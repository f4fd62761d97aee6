"""The loss of an experiment, the weights of its examples, and the probabilities that belong to it."""

import logging
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
from keras import ops

from tfland.config import LossConfig
from tfland.losses.arcface import ArcFaceLoss
from tfland.losses.class_weights import effective_number_weights, log_weights
from tfland.losses.ldam import LDAMLoss
from tfland.losses.margins import dynamic_margins, ldam_margins
from tfland.losses.softmax import SoftmaxLoss

logger = logging.getLogger(__name__)

Loss = Callable[[Any, Any], Any]


class TrainingLoss:
    """The loss of each example, and apart from it the weight of each example.

    Evaluation takes the losses alone. Training takes `losses · weights`, summed over the whole batch on all replicas
    and divided by `normalisation`: "batch" by the sum of the weights, "global" by the number of examples.

    Attributes:
        normalisation: "batch" or "global".

    Args:
        loss: labels [B] integer and logits [B, C] -> [B] float32.
        class_weights: [C], weights that average 1 over the training photographs; None for no weights.
        normalisation: see above.
        weights_from_epoch: before this many epochs every weight is 1.
    """

    def __init__(
        self,
        loss: Loss,
        class_weights: np.ndarray | None = None,
        normalisation: Literal["batch", "global"] = "batch",
        weights_from_epoch: float = 0.0,
    ) -> None:
        self._loss = loss
        self._class_weights = None if class_weights is None else class_weights.astype(np.float32)
        self.normalisation = normalisation
        self._weights_from_epoch = weights_from_epoch

    def __call__(self, labels: Any, logits: Any) -> Any:
        """The loss of each example: labels [B] integer, logits (or cosines, if the head is cosine) [B, C] -> [B]."""
        return self._loss(labels, logits)

    def example_weights(self, labels: Any, epoch: Any = 0.0) -> Any:
        """The weight of each example.

        Args:
            labels: [B] integer.
            epoch: epochs that are done, with their fraction; a number or a scalar tensor.

        Returns:
            [B] float32, or None where the loss has no class weights.
        """
        if self._class_weights is None:
            return None
        weights = ops.take(ops.convert_to_tensor(self._class_weights), ops.cast(labels, "int32"))
        if self._weights_from_epoch:
            begun = ops.cast(epoch, "float32") >= self._weights_from_epoch
            weights = ops.where(begun, weights, ops.ones_like(weights))
        return weights


def build_loss(config: LossConfig, class_counts: Sequence[int]) -> TrainingLoss:
    """The training loss.

    Args:
        config: the `loss` section of an experiment.
        class_counts: [C] training photographs of each class, from which margins and weights by class size come;
            classes without any are logged, since nothing teaches the model to predict them.

    Raises:
        ValueError: class weights are asked for, and no class has a photograph.
    """
    empty = [label for label, count in enumerate(class_counts) if count < 1]
    if empty:
        logger.warning(
            "%d of %d classes have no training photographs (first: class %d); they will not be predicted",
            len(empty),
            len(class_counts),
            empty[0],
        )
    return TrainingLoss(
        _LOSSES[config.name](config, class_counts),
        _CLASS_WEIGHTS[config.class_weights](config, class_counts),
        config.class_weights_normalisation,
        config.class_weights_from_epoch,
    )


def probabilities(config: LossConfig, logits: Any) -> Any:
    """Softmax of what the model puts out, on the scale that the loss used; without a margin.

    Args:
        config: the `loss` section that the model was trained with, out of its `ExperimentConfig`.
        logits: [B, C] float32, cosines from a cosine head.

    Returns:
        [B, C] float32, rows sum to 1.
    """
    return ops.softmax(config.logit_scale * ops.convert_to_tensor(logits, "float32"), axis=-1)


def _softmax(config: LossConfig, _class_counts: Sequence[int]) -> Loss:
    loss = SoftmaxLoss(config.label_smoothing, focal_gamma=config.focal_gamma)
    scale = config.logit_scale
    return loss if scale == 1 else lambda labels, logits: loss(labels, scale * ops.convert_to_tensor(logits, "float32"))


def _arcface(config: LossConfig, class_counts: Sequence[int]) -> Loss:
    margin: Any = config.margin
    if config.class_margins == "by_size":
        margin = dynamic_margins(
            class_counts,
            smallest_class=config.margin,
            largest_class=config.margin_min,
            exponent=config.margin_exponent,
        )
    return ArcFaceLoss(
        config.logit_scale,
        margin,
        config.label_smoothing,
        easy_margin=config.easy_margin,
        focal_gamma=config.focal_gamma,
    )


def _ldam(config: LossConfig, class_counts: Sequence[int]) -> Loss:
    margins = ldam_margins(class_counts, config.ldam_margin)
    return LDAMLoss(margins.tolist(), config.logit_scale, config.label_smoothing, config.focal_gamma)


_LOSSES: dict[str, Callable[[LossConfig, Sequence[int]], Loss]] = {
    "softmax": _softmax,
    "arcface": _arcface,
    "ldam": _ldam,
}
_CLASS_WEIGHTS: dict[str, Callable[[LossConfig, Sequence[int]], np.ndarray | None]] = {
    "none": lambda _config, _counts: None,
    "log": lambda _config, counts: log_weights(counts),
    "effective_number": lambda config, counts: effective_number_weights(counts, config.effective_number_beta),
}
