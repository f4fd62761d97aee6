"""The classifier: backbone, pooling, embedding and head as one flat Keras model."""

from collections.abc import Callable
from pathlib import Path

import keras

from tfland.config import ModelConfig
from tfland.models.backbone_specs import backbone_spec
from tfland.models.backbones import build_backbone, min_image_size
from tfland.models.heads import CosineHead, embedding_neck, linear_head
from tfland.models.inception import AUXILIARY_MIN_IMAGE_SIZE, auxiliary_head
from tfland.models.pooling import GeMPooling
from tfland.models.weights import load_matching_weights, saved_model_path


def build_model(config: ModelConfig, num_classes: int, image_size: int) -> keras.Model:
    """The network of an experiment.

    Args:
        config: the `model` section of an experiment.
        num_classes: C, the number of classes.
        image_size: height and width in pixels that it will be trained at. The model itself takes any size, for
            inference on larger images than those of training (seed 001, section 2.1).

    Returns:
        A flat functional model: [B, H, W, 3] float32 or uint8 RGB in 0..255 -> {"embedding": [B, E] float32,
        "logits": [B, C] float32}. With head "cosine" the logits are cosines in [-1, 1]. With auxiliary_head there is
        "auxiliary_logits" [B, C] float32 too, for training.

    Raises:
        ValueError: a size or a number of classes that no network here can take, or weights that do not fit.
        OSError: there is no such weights file, or it could not be fetched.
    """
    _check_image_size(config, image_size)
    if num_classes < 2:
        raise ValueError(f"num_classes is {num_classes}; a classifier needs at least 2")
    path = saved_model_path(config.weights)
    # A model of ours is loaded at the end: it holds more than the backbone.
    backbone = build_backbone(config.backbone, "none" if path else config.weights)
    features = _POOLINGS[config.pooling](config)(backbone.output)
    if config.embedding_size:
        features = embedding_neck(features, config.embedding_size, config.neck, config.neck_dropout)
    embedding = keras.layers.Activation("linear", dtype="float32", name="embedding")(features)
    dropped = keras.layers.Dropout(config.dropout, name="dropout")(embedding) if config.dropout else embedding
    logits = _head(config, num_classes)(dropped)
    outputs = {"embedding": embedding, "logits": logits}
    if config.auxiliary_head:
        stage = backbone.get_layer(backbone_spec(config.backbone).auxiliary_layer).output
        outputs["auxiliary_logits"] = auxiliary_head(stage, num_classes)
    model = keras.Model(backbone.input, outputs, name=f"{backbone.name}_classifier")
    if path:
        load_matching_weights(model, path)
    return model


def load_model(path: Path) -> keras.Model:
    """Loads a model that `build_model` made. Importing this module is what makes our layers known to Keras.

    Raises:
        OSError: the file is missing.
        ValueError: it is no Keras model.
    """
    return keras.saving.load_model(path, compile=False)


def _check_image_size(config: ModelConfig, image_size: int) -> None:
    smallest = min_image_size(config.backbone)
    if image_size < smallest:
        raise ValueError(f"image_size is {image_size}; {config.backbone} needs at least {smallest} pixels")
    if config.auxiliary_head and image_size < AUXILIARY_MIN_IMAGE_SIZE:
        raise ValueError(
            f"image_size is {image_size}; model.auxiliary_head needs at least {AUXILIARY_MIN_IMAGE_SIZE} pixels, "
            "for less set it to false"
        )


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
