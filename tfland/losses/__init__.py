"""Training losses in `keras.ops` alone: they run on the TensorFlow and on the JAX backend."""

from tfland.losses.arcface import ArcFaceLoss, arcface
from tfland.losses.build import TrainingLoss, build_loss, probabilities
from tfland.losses.class_weights import effective_number_weights, log_weights
from tfland.losses.ldam import LDAMLoss, ldam
from tfland.losses.margins import dynamic_margins, ldam_margins
from tfland.losses.softmax import SoftmaxLoss, cross_entropy

__all__ = [
    "ArcFaceLoss",
    "LDAMLoss",
    "SoftmaxLoss",
    "TrainingLoss",
    "arcface",
    "build_loss",
    "cross_entropy",
    "dynamic_margins",
    "effective_number_weights",
    "ldam",
    "ldam_margins",
    "log_weights",
    "probabilities",
]
