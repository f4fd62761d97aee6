"""Networks in `keras` and `keras.ops` alone: they run on the TensorFlow and on the JAX backend."""

from tfland.models.backbones import build_backbone, build_trunk
from tfland.models.batch_norm import synchronize_batch_norm
from tfland.models.build import build_model
from tfland.models.weights import load_matching_weights

__all__ = ["build_backbone", "build_model", "build_trunk", "load_matching_weights", "synchronize_batch_norm"]
