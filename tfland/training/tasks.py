"""What can be trained: each task makes a network from images to {"embedding", "logits"}."""

from collections.abc import Callable
from pathlib import Path

import keras

from delf_verify.model import attention_stage, build_delf, descriptor_stage
from tfland.config import ExperimentConfig
from tfland.models.backbones import build_trunk
from tfland.models.build import build_model
from tfland.models.weights import load_matching_weights


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


def _delf_descriptors(config: ExperimentConfig, num_classes: int) -> keras.Model:
    trunk = build_trunk(config.model.backbone, config.model.weights)
    return descriptor_stage(build_delf(trunk, num_classes))


def _delf_attention(config: ExperimentConfig, num_classes: int) -> keras.Model:
    delf = build_delf(build_trunk(config.model.backbone), num_classes)
    # Into the whole DELF: stage 2 goes on from the classifier of stage 1 as well.
    load_matching_weights(delf, Path(config.model.weights))
    return attention_stage(delf)


_TASKS: dict[str, Callable[[ExperimentConfig, int], keras.Model]] = {
    "classify": _classify,
    # Two classes, of which 1 is "shows a landmark": see tfland.data.photographs.
    "gate": _classify,
    "delf_descriptors": _delf_descriptors,
    "delf_attention": _delf_attention,
}
