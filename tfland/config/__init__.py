"""What one experiment is: frozen dataclasses that refuse a bad value before the first GPU minute."""

from tfland.config.data import DataConfig
from tfland.config.experiment import DELF_TASKS, ExperimentConfig, Task
from tfland.config.loss import LossConfig
from tfland.config.model import ModelConfig
from tfland.config.optimization import OptimizerConfig, ScheduleConfig
from tfland.config.training import TrainingConfig

__all__ = [
    "DELF_TASKS",
    "DataConfig",
    "ExperimentConfig",
    "LossConfig",
    "ModelConfig",
    "OptimizerConfig",
    "ScheduleConfig",
    "Task",
    "TrainingConfig",
]
