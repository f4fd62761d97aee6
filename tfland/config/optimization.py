"""The `optimizer` and `schedule` sections of an experiment."""

from dataclasses import dataclass
from typing import Literal

from tfland.config.checks import check_between, check_positive, refuse


@dataclass(frozen=True, kw_only=True)
class OptimizerConfig:
    """How gradients change the weights.

    Attributes:
        name: "sgd" (with momentum), "adam" or "adamw".
        momentum: of SGD, in [0, 1).
        nesterov: look ahead (SGD only).
        weight_decay: decoupled for AdamW, an L2 gradient for SGD and Adam; never on biases and normalisation.
        clip_norm: the gradients' joint norm is cut to this; 0 leaves them (5 in seed 001's published code).
        accumulation_steps: micro-batches whose gradients make one step: training.batch_size is cut into this many
            parts, which pass one after the other, so that less memory is needed. Batch normalisation takes its
            statistics from each part alone; everything else is as with the whole batch.
        backbone_rate: learning rate of the backbone as a share of the head's.
        freeze_backbone_epochs: epochs at the start in which only the head trains; the backbone's batch normalisation
            keeps its statistics too.
        average_decay: d of a moving average of the weights, average ← d·average + (1 − d)·weight after each step, which
            is evaluated and saved in place of the weights (0.999 or 0.9999 are usual); 0 for none.
    """

    name: Literal["sgd", "adam", "adamw"] = "sgd"
    momentum: float = 0.9
    nesterov: bool = False
    weight_decay: float = 1e-4
    clip_norm: float = 0.0
    accumulation_steps: int = 1
    backbone_rate: float = 1.0
    freeze_backbone_epochs: float = 0.0
    average_decay: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.momentum < 1:
            refuse("optimizer.momentum", self.momentum, "give a share of at least 0 and below 1")
        check_between("optimizer.weight_decay", self.weight_decay, 0)
        check_between("optimizer.clip_norm", self.clip_norm, 0)
        check_between("optimizer.accumulation_steps", self.accumulation_steps, 1)
        check_positive("optimizer.backbone_rate", self.backbone_rate)
        check_between("optimizer.freeze_backbone_epochs", self.freeze_backbone_epochs, 0)
        if not 0 <= self.average_decay < 1:
            refuse("optimizer.average_decay", self.average_decay, "give a share of at least 0 and below 1; 0 for none")


@dataclass(frozen=True, kw_only=True)
class ScheduleConfig:
    """How the learning rate moves.

    Attributes:
        name: "constant", "step" (times gamma every step_epochs) or "cosine" (down to floor at the end).
        learning_rate: its highest value.
        warmup_epochs: epochs of linear rise from 0 before that (one in seed 001).
        step_epochs: epochs between two drops of "step" (8 in seed 003).
        gamma: factor of each drop of "step" (0.1 in seed 003).
        floor: last value of "cosine" (1e-6 in the published code of seed 004).
    """

    name: Literal["constant", "step", "cosine"] = "cosine"
    learning_rate: float = 0.01
    warmup_epochs: float = 0.0
    step_epochs: float = 8.0
    gamma: float = 0.1
    floor: float = 0.0

    def __post_init__(self) -> None:
        check_positive("schedule.learning_rate", self.learning_rate)
        check_between("schedule.warmup_epochs", self.warmup_epochs, 0)
        check_positive("schedule.step_epochs", self.step_epochs)
        check_between("schedule.gamma", self.gamma, 0, 1)
        check_between("schedule.floor", self.floor, 0, self.learning_rate)
