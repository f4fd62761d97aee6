"""Training losses in `keras.ops` alone: they run on the TensorFlow and on the JAX backend."""

from tfland.losses.arcface import ArcFaceLoss, arcface
from tfland.losses.build import build_loss, probabilities
from tfland.losses.softmax import SoftmaxLoss, cross_entropy

__all__ = ["ArcFaceLoss", "SoftmaxLoss", "arcface", "build_loss", "cross_entropy", "probabilities"]
