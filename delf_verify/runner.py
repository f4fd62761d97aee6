"""Runs a Keras model over batches of images, compiled by the backend that Keras has."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import keras

# Images of a batch on an accelerator: enough to fill one; seven scales of 1024 px then take some GiB of it.
_ACCELERATOR_BATCH = 8

Run = Callable[[NDArray[np.uint8]], Any]


def compile_model(model: "keras.Model") -> Run:
    """The model as a function from images [B, H, W, 3] uint8 to its outputs, on the device and perhaps still at work.

    TensorFlow traces one graph for all sizes; JAX compiles one for each size that occurs and keeps it. On another
    backend the model runs layer by layer.

    Args:
        model: a functional model from images [B, H, W, 3] in 0..255.
    """
    import keras

    def call(images: Any) -> Any:
        # The cast happens on the device: bytes are a quarter of what would travel there otherwise.
        return model(keras.ops.cast(images, "float32"), training=False)

    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        traced: Run = tf.function(call, input_signature=[tf.TensorSpec([None, None, None, 3], tf.uint8)])
        return traced
    if backend == "jax":
        return _jitted(model)
    return call


def fetch(outputs: Any) -> NDArray[np.float32]:
    """One output of a compiled model as an array in this machine's memory; waits for the device."""
    import keras

    return np.asarray(keras.ops.convert_to_numpy(outputs), dtype=np.float32)


def default_batch_size() -> int:
    """How many images a batch should hold: 8 on an accelerator, 1 on CPUs (a single image keeps those busy)."""
    return _ACCELERATOR_BATCH if _has_accelerator() else 1


def _jitted(model: "keras.Model") -> Run:
    import jax

    def call(trainable: Any, others: Any, images: Any) -> Any:
        outputs, _ = model.stateless_call(trainable, others, images.astype("float32"), training=False)
        return outputs

    # As arguments: weights that a compiled function closes over would be copied into each of its sizes.
    weights = [
        [variable.value for variable in part] for part in (model.trainable_variables, model.non_trainable_variables)
    ]
    jitted = jax.jit(call)
    return lambda images: jitted(*weights, images)


def _has_accelerator() -> bool:
    import keras

    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        return any(device.device_type != "CPU" for device in tf.config.list_logical_devices())
    if backend == "jax":
        import jax

        return bool(jax.default_backend() != "cpu")
    return False
