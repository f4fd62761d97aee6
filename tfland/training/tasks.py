"""What can be trained: each task makes a network from images to {"embedding", "logits"}."""

from collections.abc import Callable

import keras

from delf_verify.model import attention_stage, build_delf, descriptor_stage
from tfland.config import ExperimentConfig
from tfland.models.backbones import build_trunk
from tfland.models.build import build_model


def build_network(config: ExperimentConfig, num_classes: int) -> keras.Model:
    """The network of an experiment's task, on the default device, with its start weights.

    Args:
        config: the experiment.
        num_classes: C.

    Returns:
        [B, S, S, 3] float32 in 0..255 -> {"embedding": [B, E] float32, "logits": [B, C] float32}. What a stage leaves
        as it is (DELF's trunk in its attention stage) is not among the trainable variables.

    Raises:
        ValueError: the backbone cannot do the task, or the start weights do not fit.
        FileNotFoundError: the start weights are missing.
    """
    return _TASKS[config.task](config, num_classes)


def _classify(config: ExperimentConfig, num_classes: int) -> keras.Model:
    return build_model(config.model, num_classes, config.data.image_size)


def _delf(config: ExperimentConfig, num_classes: int) -> keras.Model:
    return build_delf(build_trunk(config.model.backbone, config.model.weights), num_classes)


_TASKS: dict[str, Callable[[ExperimentConfig, int], keras.Model]] = {
    "classify": _classify,
    "delf_descriptors": lambda config, num_classes: descriptor_stage(_delf(config, num_classes)),
    "delf_attention": lambda config, num_classes: attention_stage(_delf(config, num_classes)),
}
