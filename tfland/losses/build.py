"""The loss of an experiment, and the probabilities that belong to it."""

from collections.abc import Callable, Sequence
from typing import Any

from keras import ops

from tfland.config import LossConfig
from tfland.losses.arcface import ArcFaceLoss
from tfland.losses.softmax import SoftmaxLoss

Loss = Callable[[Any, Any], Any]

_BUILDERS: dict[str, Callable[[LossConfig], Loss]] = {
    "softmax": lambda config: SoftmaxLoss(config.label_smoothing),
    "arcface": lambda config: ArcFaceLoss(config.scale, config.margin, config.label_smoothing),
}


def build_loss(config: LossConfig, class_counts: Sequence[int]) -> Loss:
    """The training loss.

    Args:
        config: the `loss` section of an experiment.
        class_counts: [C] training photographs of each class.

    Returns:
        A function of labels [B] integer and logits [B, C] (cosines for "arcface") to the loss of each example,
        [B] float32.

    Raises:
        ValueError: a class has no photographs, so that nothing would ever pull its weights.
    """
    empty = [label for label, count in enumerate(class_counts) if count < 1]
    if empty:
        raise ValueError(f"class {empty[0]} has no training photographs ({len(empty)} such classes); rebuild labels")
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
