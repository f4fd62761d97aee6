"""Training: `train` turns an experiment's configuration into a model directory."""

from tfland.training.experiment import TrainResult, train

__all__ = ["TrainResult", "train"]
