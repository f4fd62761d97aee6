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
    """

    name: Literal["sgd", "adam", "adamw"] = "sgd"
    momentum: float = 0.9
    nesterov: bool = False
    weight_decay: float = 1e-4
    clip_norm: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.momentum < 1:
            refuse("optimizer.momentum", self.momentum, "give a share of at least 0 and below 1")
        check_between("optimizer.weight_decay", self.weight_decay, 0)
        check_between("optimizer.clip_norm", self.clip_norm, 0)


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
