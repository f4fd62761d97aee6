"""The classifier: backbone, pooling, embedding and head as one flat Keras model."""

from collections.abc import Callable
from pathlib import Path

import keras

from tfland.config import ModelConfig
from tfland.models.backbones import build_backbone
from tfland.models.heads import CosineHead, embedding_neck, linear_head
from tfland.models.pooling import GeMPooling
from tfland.models.weights import load_matching_weights

# Five halvings stand between the pixels and the last feature map of every backbone here.
_MIN_IMAGE_SIZE = 32


def build_model(config: ModelConfig, num_classes: int, image_size: int) -> keras.Model:
    """The network of an experiment.

    Args:
        config: the `model` section of an experiment.
        num_classes: C, the number of classes.
        image_size: height and width in pixels that it will be trained at. The model itself takes any size, for
            inference on larger images than those of training (seed 001, section 2.1).

    Returns:
        A flat functional model: [B, H, W, 3] float32 or uint8 RGB in 0..255 -> {"embedding": [B, E] float32,
        "logits": [B, C] float32}. With head "cosine" the logits are cosines in [-1, 1].

    Raises:
        ValueError: a size or a number of classes that no network here can take, or weights that do not fit.
        FileNotFoundError: there is no such weights file.
    """
    if image_size < _MIN_IMAGE_SIZE:
        raise ValueError(f"image_size is {image_size}; {config.backbone} needs at least {_MIN_IMAGE_SIZE} pixels")
    if num_classes < 2:
        raise ValueError(f"num_classes is {num_classes}; a classifier needs at least 2")
    from_file = config.weights not in ("none", "imagenet")
    backbone = build_backbone(config.backbone, "none" if from_file else config.weights)
    features = _POOLINGS[config.pooling](config)(backbone.output)
    if config.embedding_size:
        features = embedding_neck(features, config.embedding_size, config.neck, config.neck_dropout)
    embedding = keras.layers.Activation("linear", dtype="float32", name="embedding")(features)
    dropped = keras.layers.Dropout(config.dropout, name="dropout")(embedding) if config.dropout else embedding
    logits = _head(config, num_classes)(dropped)
    outputs = {"embedding": embedding, "logits": logits}
    model = keras.Model(backbone.input, outputs, name=f"{config.backbone}_classifier")
    if from_file:
        load_matching_weights(model, Path(config.weights))
    return model


def load_model(path: Path) -> keras.Model:
    """Loads a model that `build_model` made. Importing this module is what makes our layers known to Keras.

    Raises:
        OSError: the file is missing.
        ValueError: it is no Keras model.
    """
    return keras.saving.load_model(path, compile=False)


def _gem(config: ModelConfig) -> keras.Layer:
    return GeMPooling(config.gem_p, train_p=config.gem_trainable, per_channel=config.gem_per_channel, name="pooling")


_POOLINGS: dict[str, Callable[[ModelConfig], keras.Layer]] = {
    "average": lambda _config: keras.layers.GlobalAveragePooling2D(name="pooling"),
    "max": lambda _config: keras.layers.GlobalMaxPooling2D(name="pooling"),
    "gem": _gem,
}


def _head(config: ModelConfig, num_classes: int) -> keras.Layer:
    if config.head == "cosine":
        return CosineHead(num_classes, name="logits")
    return linear_head(num_classes, name="logits")
