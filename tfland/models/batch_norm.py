"""Batch normalisation over all replicas of a distributed training."""

import keras

from tfland.models.backbones import copy_layer


def synchronize_batch_norm(model: keras.Model) -> keras.Model:
    """The same model whose batch normalisation takes its statistics over all replicas.

    Without it every replica normalises by its own part of the batch, and two replicas differ from one device.

    Args:
        model: a flat functional model (ours all are).

    Returns:
        A new model of the same layers, names and weights with `BatchNormalization(synchronized=True)`.

    Raises:
        ValueError: a layer is itself a model, whose layers would be passed by.
    """
    nested = [layer.name for layer in model.layers if isinstance(layer, keras.Model)]
    if nested:
        raise ValueError(f"model {model.name!r} nests the model {nested[0]!r}; give one flat graph")
    clone = keras.models.clone_model(model, clone_function=_synchronized)
    clone.set_weights(model.get_weights())
    # Some of keras-hub's blocks are layers that hold others, which their settings do not reach.
    for layer in clone._flatten_layers():
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.synchronized = True
    return clone


def _synchronized(layer: keras.Layer) -> keras.Layer:
    if not isinstance(layer, keras.layers.BatchNormalization):
        return copy_layer(layer)
    return layer.__class__.from_config({**layer.get_config(), "synchronized": True})
