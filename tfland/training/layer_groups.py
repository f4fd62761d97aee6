"""Which of a network's layers are its backbone."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import keras

# The first layer after the backbone: that of `tfland.models.build` and that of `delf_verify.model`.
_FIRST_HEAD_LAYERS = ("pooling", "descriptors")


def backbone_layers(network: keras.Model) -> list[keras.Layer]:
    """The layers from the image to the feature map that the head pools; the rest is the head.

    Raises:
        ValueError: the network has no layer that tells where its head begins.
    """
    names = {layer.name for layer in network.layers}
    for name in _FIRST_HEAD_LAYERS:
        if name in names:
            layers: list[keras.Layer] = keras.Model(network.input, network.get_layer(name).input).layers
            return layers
    raise ValueError(
        f"model {network.name!r} has none of the layers {', '.join(_FIRST_HEAD_LAYERS)}, so its backbone cannot be "
        "told from its head; leave optimizer.backbone_rate at 1 and optimizer.freeze_backbone_epochs at 0"
    )


@contextmanager
def frozen(layers: Sequence[keras.Layer]) -> Iterator[None]:
    """Inside, the layers do not train, and their batch normalisation uses and keeps its stored statistics."""
    before = [layer.trainable for layer in layers]
    for layer in layers:
        layer.trainable = False
    try:
        yield
    finally:
        for layer, trainable in zip(layers, before, strict=True):
            layer.trainable = trainable
