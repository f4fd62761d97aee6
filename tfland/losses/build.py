"""The loss of an experiment, and the probabilities that belong to it."""

import logging
from collections.abc import Callable, Sequence
from typing import Any

from keras import ops

from tfland.config import LossConfig
from tfland.losses.arcface import ArcFaceLoss
from tfland.losses.softmax import SoftmaxLoss

logger = logging.getLogger(__name__)

Loss = Callable[[Any, Any], Any]

_BUILDERS: dict[str, Callable[[LossConfig], Loss]] = {
    "softmax": lambda config: SoftmaxLoss(config.label_smoothing),
    "arcface": lambda config: ArcFaceLoss(config.scale, config.margin, config.label_smoothing),
}


def build_loss(config: LossConfig, class_counts: Sequence[int]) -> Loss:
    """The training loss.

    Args:
        config: the `loss` section of an experiment.
        class_counts: [C] training photographs of each class; classes without any are logged, since nothing
            teaches the model to predict them.

    Returns:
        A function of labels [B] integer and logits [B, C] (cosines for "arcface") to the loss of each example,
        [B] float32.
    """
    empty = [label for label, count in enumerate(class_counts) if count < 1]
    if empty:
        logger.warning(
            "%d of %d classes have no training photographs (first: class %d); they will not be predicted",
            len(empty),
            len(class_counts),
            empty[0],
        )
    return _BUILDERS[config.name](config)


def probabilities(config: LossConfig, logits: Any) -> Any:
    """Softmax of what the model puts out, on the scale that the loss used; without a margin.

    Args:
        config: the `loss` section that the model was trained with.
        logits: [B, C] float32, cosines for "arcface".

    Returns:
        [B, C] float32, rows sum to 1.
    """
    logits = ops.cast(logits, "float32")
    return ops.softmax(config.scale * logits if config.name == "arcface" else logits, axis=-1)
