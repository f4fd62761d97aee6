"""Where in a network the first number that is not finite appears."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from tfland.training.gradients import micro_batch
from tfland.training.objective import Batch, Objective


def first_bad_place(network: keras.Model, objective: Objective, batch: Batch, num_parts: int = 1) -> str:
    """Says which layer turns a batch into numbers that are not finite.

    Looks at the weights, then at the outputs from the image on, then at the loss, then at the gradients from the loss
    back. Works on a copy.

    Args:
        network: with the weights that the bad step met.
        objective: the training loss.
        batch: the bad step's, of all replicas.
        num_parts: it is looked at in so many parts, which need less memory than the whole.

    Returns:
        A clause such as "the output of layer 'conv2' is the first that is not finite".
    """
    for layer in network.layers:
        if bad_variable(layer.trainable_variables) is not None:
            return f"the weights of layer {layer.name!r} are not finite"
    copy = _plain_copy(network)
    probe = keras.Model(copy.inputs, [copy.output, [layer.output for layer in copy.layers]])
    for number in range(num_parts):
        place = _place_in(copy, probe, objective, micro_batch(batch, num_parts, tf.constant(number)))
        if place is not None:
            return place
    return "weights, outputs and gradients are finite when computed once more, with other draws of dropout"


def _place_in(network: keras.Model, probe: keras.Model, objective: Objective, batch: Batch) -> str | None:
    with tf.GradientTape() as tape:
        outputs, by_layer = probe(tf.cast(batch[0], tf.float32), training=True)
        loss = objective.sums(batch, outputs["logits"], tf.zeros([]), tf.ones([]))[0]
    for layer, output in zip(network.layers, by_layer, strict=True):
        if not _finite(tf.nest.flatten(output)):
            return f"the output of layer {layer.name!r} is the first that is not finite"
    if not _finite([loss]):
        return "the outputs of all layers are finite, the loss that is made from the logits is not"
    variables = network.trainable_variables
    gradients = tape.gradient(loss, [variable.value for variable in variables])
    for variable, gradient in zip(reversed(variables), reversed(gradients), strict=True):
        if gradient is not None and not _finite([gradient]):
            return f"the gradient of {variable.path!r} is the first, from the loss back, that is not finite"
    return None


def _plain_copy(network: keras.Model) -> keras.Model:
    """The network on one device: its variables on several cannot be used outside of their strategy."""

    def copy_layer(layer: keras.Layer) -> keras.Layer:
        settings = layer.get_config()
        if isinstance(layer, keras.layers.BatchNormalization):
            settings["synchronized"] = False
        return layer.__class__.from_config(settings)

    copy = keras.models.clone_model(network, clone_function=copy_layer)
    copy.set_weights(network.get_weights())
    return copy


def bad_variable(variables: Sequence[Any]) -> str | None:
    """The name of the first variable with a number that is not finite, or None.

    Args:
        variables: Keras or TensorFlow variables of any type.
    """
    for variable in variables:
        value = getattr(variable, "value", variable)
        value = value() if callable(value) else value
        if value.dtype.is_floating and not _finite([value]):
            return str(getattr(variable, "path", variable.name))
    return None


def _finite(tensors: Sequence[Any]) -> bool:
    return all(bool(tf.reduce_all(tf.math.is_finite(tensor))) for tensor in tensors)
