"""One experiment, whole."""

from dataclasses import dataclass, field
from typing import Literal

from tfland.config.checks import refuse
from tfland.config.data import DataConfig
from tfland.config.loss import LossConfig
from tfland.config.model import ModelConfig
from tfland.config.optimization import OptimizerConfig, ScheduleConfig
from tfland.config.training import TrainingConfig

Task = Literal["classify", "delf_descriptors", "delf_attention"]
DELF_TASKS = ("delf_descriptors", "delf_attention")


@dataclass(frozen=True, kw_only=True)
class ExperimentConfig:
    """One experiment, whole; `tfland.config_io` reads it from YAML.

    Attributes:
        task: "classify", "delf_descriptors" (fine-tune the DELF trunk by classification) or "delf_attention"
            (train the attention on the frozen trunk of the model in model.weights).
        data: see `DataConfig`.
        training: see `TrainingConfig`.
        model: see `ModelConfig`.
        loss: see `LossConfig`.
        optimizer: see `OptimizerConfig`.
        schedule: see `ScheduleConfig`.
    """

    task: Task = "classify"
    data: DataConfig
    training: TrainingConfig
    model: ModelConfig = field(default_factory=ModelConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)

    def __post_init__(self) -> None:
        if self.loss.name == "arcface" and self.model.head != "cosine":
            refuse("model.head", self.model.head, 'loss.name "arcface" takes cosines; set model.head=cosine')
        if self.loss.name == "softmax" and self.model.head == "cosine":
            # Cosines lie in [-1, 1]: without ArcFace's scale their softmax is nearly flat and nothing is learnt.
            rule = "set loss.name=arcface, which scales the cosines (loss.margin=0 for none), or model.head=linear"
            refuse("model.head", self.model.head, rule)
        if self.schedule.warmup_epochs > self.training.epochs:
            rule = f"it exceeds training.epochs ({self.training.epochs})"
            refuse("schedule.warmup_epochs", self.schedule.warmup_epochs, rule)
        if self.task in DELF_TASKS and self.loss.name != "softmax":
            refuse("loss.name", self.loss.name, f'task "{self.task}" trains with softmax')
        if self.task == "delf_attention" and self.model.weights in ("none", "imagenet"):
            rule = 'give the model directory that task "delf_descriptors" wrote'
            refuse("model.weights", self.model.weights, rule)
