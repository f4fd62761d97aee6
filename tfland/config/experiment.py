"""One experiment, whole."""

from dataclasses import dataclass, field, replace
from typing import Literal

from tfland.config.checks import refuse
from tfland.config.data import DataConfig
from tfland.config.loss import LossConfig
from tfland.config.model import ModelConfig
from tfland.config.optimization import OptimizerConfig, ScheduleConfig
from tfland.config.training import TrainingConfig

Task = Literal["classify", "gate", "delf_descriptors", "delf_attention"]
DELF_TASKS = ("delf_descriptors", "delf_attention")


@dataclass(frozen=True, kw_only=True)
class ExperimentConfig:
    """One experiment, whole; `tfland.config_io` reads it from YAML.

    Attributes:
        task: "classify", "gate" (landmark or not: seed 000, section 3.2), "delf_descriptors" (fine-tune the DELF
            trunk by classification) or "delf_attention" (train the attention on the frozen trunk of the model in
            model.weights).
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
        object.__setattr__(self, "loss", self.loss.for_head(self.model.head))
        if self.model.head == "cosine" and self.loss.name != "arcface" and self.loss.logit_scale <= 1:
            # Cosines lie in [-1, 1]: without a scale their softmax is nearly flat and nothing is learnt (NormFace,
            # https://arxiv.org/abs/1704.06369, proposition 2).
            refuse("loss.scale", self.loss.scale, "a cosine head needs one well above 1; leave it out for 30")
        if self.loss.class_weights_from_epoch and self.loss.class_weights == "none":
            rule = "there are no class weights to begin with; set loss.class_weights"
            refuse("loss.class_weights_from_epoch", self.loss.class_weights_from_epoch, rule)
        if self.training.epochs is not None and self.loss.class_weights_from_epoch >= self.training.epochs:
            rule = f"training ends before it, after {self.training.epochs} epochs; give a smaller number"
            refuse("loss.class_weights_from_epoch", self.loss.class_weights_from_epoch, rule)
        if self.training.epochs is not None and self.schedule.warmup_epochs > self.training.epochs:
            rule = f"it exceeds training.epochs ({self.training.epochs})"
            refuse("schedule.warmup_epochs", self.schedule.warmup_epochs, rule)
        if self.training.patience and self.data.validation_split is None:
            rule = "there is no data.validation_split whose scores could tell when to stop; give one, or 0"
            refuse("training.patience", self.training.patience, rule)
        if self.training.batch_size % self.optimizer.accumulation_steps:
            rule = f"it must be a multiple of optimizer.accumulation_steps ({self.optimizer.accumulation_steps})"
            refuse("training.batch_size", self.training.batch_size, rule)
        self._check_backbone()
        self._check_gate()
        if self.task in DELF_TASKS and self.loss.name != "softmax":
            refuse("loss.name", self.loss.name, f'task "{self.task}" trains with softmax')
        if self.task in DELF_TASKS and self.model.head != "linear":
            refuse("model.head", self.model.head, f'task "{self.task}" has a linear head of its own')
        if self.task == "delf_attention" and self.model.weights in ("none", "imagenet"):
            rule = 'give the model directory that task "delf_descriptors" wrote'
            refuse("model.weights", self.model.weights, rule)

    def _check_gate(self) -> None:
        training = self.training
        if self.task != "gate":
            if self.data.negative_shards is not None:
                refuse("data.negative_shards", self.data.negative_shards, 'only task "gate" takes them; set null')
            if training.best_metric == "validation_auc":
                refuse("training.best_metric", training.best_metric, 'only task "gate" has it; take validation_gap')
            return
        if training.best_metric == "validation_knn_gap":
            refuse("training.best_metric", training.best_metric, "a gate has no landmarks; take validation_auc")
        metric = "validation_auc" if training.best_metric == "validation_gap" else training.best_metric
        object.__setattr__(self, "training", replace(training, best_metric=metric, knn="off"))

    def _check_backbone(self) -> None:
        optimizer = self.optimizer
        if self.task == "delf_attention" and (optimizer.backbone_rate != 1 or optimizer.freeze_backbone_epochs):
            rule = 'task "delf_attention" never trains the backbone; leave optimizer.backbone_rate at 1 and this at 0'
            refuse("optimizer.freeze_backbone_epochs", optimizer.freeze_backbone_epochs, rule)
        epochs = self.training.epochs
        if epochs is not None and optimizer.freeze_backbone_epochs > epochs:
            rule = f"it exceeds training.epochs ({epochs})"
            refuse("optimizer.freeze_backbone_epochs", optimizer.freeze_backbone_epochs, rule)
