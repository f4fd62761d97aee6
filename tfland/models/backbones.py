"""The convolutional networks, each one table entry: constructor, preprocessing, where pre-trained weights are.

Every backbone is one flat functional graph of built-in Keras layers with its preprocessing in front, so it takes
pixels in 0..255 and loads anywhere without this package.

ResNet: He et al. 2016, https://arxiv.org/abs/1512.03385. EfficientNet: Tan and Le 2019,
https://arxiv.org/abs/1905.11946.
"""

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras

from tfland.models.weights import copy_matching_weights, load_matching_weights

# Mean and standard deviation of ImageNet's pixels, RGB, 0..255 (as torchvision and timm use them).
_IMAGENET_MEAN = (0.485 * 255, 0.456 * 255, 0.406 * 255)
_IMAGENET_DEVIATION = (0.229 * 255, 0.224 * 255, 0.225 * 255)
# The means that keras.applications' ResNet50 weights were trained with (Caffe's; its deviation is 1).
_CAFFE_MEAN = (123.68, 116.779, 103.939)


@dataclass(frozen=True, kw_only=True)
class BackboneSpec:
    """What distinguishes one backbone.

    Attributes:
        construct: makes the Keras model without a classification head; its argument is None (random weights) or
            "imagenet".
        channels: depth of the feature map that it ends with.
        first_layer: name of the first layer after the constructor's own preprocessing, which ours replaces.
        conv4_layer: name of the layer whose output is the conv4 map (stride 16), DELF's input; None: not offered.
        mean: subtracted from the pixels, RGB, 0..255.
        deviation: the centred pixels are divided by it, RGB, 0..255.
        imagenet_kernel: name of a first convolution whose ImageNet weights expect BGR, "" where they expect RGB;
            None: there are no ImageNet weights.
    """

    construct: Callable[[str | None], keras.Model]
    channels: int
    first_layer: str
    conv4_layer: str | None
    mean: tuple[float, float, float]
    deviation: tuple[float, float, float]
    imagenet_kernel: str | None


def _resnet18(_weights: str | None) -> keras.Model:
    # Imported here: keras_hub is slow to import. Its plain constructors need no network, unlike its presets.
    from keras_hub.models import ResNetBackbone

    return ResNetBackbone(
        input_conv_filters=[64],
        input_conv_kernel_sizes=[7],
        stackwise_num_filters=[64, 128, 256, 512],
        stackwise_num_blocks=[2, 2, 2, 2],
        stackwise_num_strides=[1, 2, 2, 2],
        block_type="basic_block",
        image_shape=(None, None, 3),
    )


def _resnet50(weights: str | None) -> keras.Model:
    return keras.applications.ResNet50(include_top=False, weights=weights, input_shape=(None, None, 3))


def _efficientnet_b0(weights: str | None) -> keras.Model:
    return keras.applications.EfficientNetB0(include_top=False, weights=weights, input_shape=(None, None, 3))


BACKBONES: dict[str, BackboneSpec] = {
    "resnet18": BackboneSpec(
        construct=_resnet18,
        channels=512,
        first_layer="conv1_pad",
        conv4_layer="stack2_block1_out",
        mean=_IMAGENET_MEAN,
        deviation=_IMAGENET_DEVIATION,
        imagenet_kernel=None,
    ),
    "resnet50": BackboneSpec(
        construct=_resnet50,
        channels=2048,
        first_layer="conv1_pad",
        conv4_layer="conv4_block6_out",
        mean=_CAFFE_MEAN,
        deviation=(1.0, 1.0, 1.0),
        imagenet_kernel="conv1_conv",
    ),
    "efficientnet_b0": BackboneSpec(
        construct=_efficientnet_b0,
        channels=1280,
        first_layer="stem_conv_pad",
        conv4_layer=None,
        mean=_IMAGENET_MEAN,
        deviation=_IMAGENET_DEVIATION,
        imagenet_kernel="",
    ),
}


def backbone_spec(name: str) -> BackboneSpec:
    """The table entry of a backbone.

    Raises:
        ValueError: there is no backbone of that name; the message offers the nearest one.
    """
    if name in BACKBONES:
        return BACKBONES[name]
    near = difflib.get_close_matches(name, BACKBONES, n=1, cutoff=0.4)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise ValueError(f"unknown backbone {name!r}; choose one of {', '.join(BACKBONES)}.{hint}")


def build_backbone(name: str, weights: str = "none") -> keras.Model:
    """A backbone from pixels to its last feature map.

    Args:
        name: a key of `BACKBONES`.
        weights: "none" (random; needs no network), "imagenet" (downloaded by Keras on first use), or the path of
            a .keras file or model directory of ours, from which every layer of the same name and shape is taken.

    Returns:
        A flat functional model: [B, H, W, 3] float32 or uint8 RGB in 0..255 -> [B, ~H/32, ~W/32, channels].

    Raises:
        ValueError: an unknown name, no ImageNet weights for it, or a file whose layers do not fit.
        FileNotFoundError: there is no such file.
    """
    spec = backbone_spec(name)
    if weights == "imagenet" and spec.imagenet_kernel is None:
        known = ", ".join(key for key, other in BACKBONES.items() if other.imagenet_kernel is not None)
        raise ValueError(f"no ImageNet weights for backbone {name!r}; {known} have them, or give a file or 'none'")
    source = spec.construct("imagenet" if weights == "imagenet" else None)
    model = _with_preprocessing(source, spec, name)
    if weights == "imagenet":
        copy_matching_weights(source, model)
        if spec.imagenet_kernel:
            _reverse_input_channels(model.get_layer(spec.imagenet_kernel))
    elif weights != "none":
        load_matching_weights(model, Path(weights))
    return model


def build_trunk(name: str, weights: str = "none") -> keras.Model:
    """The part of a ResNet up to conv4, the trunk of DELF (Noh et al. 2017, section 4.1).

    Args:
        name: "resnet18" or "resnet50".
        weights: as for `build_backbone`.

    Returns:
        A flat functional model: [B, H, W, 3] float32 or uint8 RGB in 0..255 -> [B, ~H/16, ~W/16, C], C = 256 or
        1024.

    Raises:
        ValueError: the backbone has no conv4, and as for `build_backbone`.
        FileNotFoundError: there is no such weights file.
    """
    layer = backbone_spec(name).conv4_layer
    if layer is None:
        known = ", ".join(key for key, spec in BACKBONES.items() if spec.conv4_layer)
        raise ValueError(f"backbone {name!r} cannot be a DELF trunk; choose one of {known}")
    path = None if weights in ("none", "imagenet") else Path(weights)
    model = build_backbone(name, "none" if path else weights)
    trunk = keras.Model(model.input, model.get_layer(layer).output, name=f"{name}_conv4")
    if path:
        # Into the trunk and not the backbone: a file of DELF's holds nothing after conv4.
        load_matching_weights(trunk, path)
    return trunk


def _with_preprocessing(source: keras.Model, spec: BackboneSpec, name: str) -> keras.Model:
    """A copy of `source` (new weights) in one flat graph that starts with our preprocessing."""
    # float32 whatever the policy: half precision cannot tell neighbouring pixel values apart once scaled.
    preprocessing = keras.layers.Rescaling(
        scale=[1 / deviation for deviation in spec.deviation],
        offset=[-mean / deviation for mean, deviation in zip(spec.mean, spec.deviation, strict=True)],
        dtype="float32",
        name="preprocessing",
    )
    started = False

    def call(layer: keras.Layer, *args: Any, **kwargs: Any) -> Any:
        nonlocal started
        if started:
            return layer(*args, **kwargs)
        if layer.name != spec.first_layer:
            return args[0]
        started = True
        return layer(preprocessing(args[0]))

    image = keras.Input((None, None, 3), dtype="float32", name="image")
    copy = keras.models.clone_model(source, input_tensors=image, call_function=call, clone_function=copy_layer)
    # A subclass of Model (keras_hub's) has a configuration of its own; a plain one also loads without keras_hub.
    return keras.Model(image, copy.output, name=name)


def copy_layer(layer: keras.Layer) -> keras.Layer:
    """A new layer of the same class and settings, without the weights."""
    return layer.__class__.from_config(layer.get_config())


def _reverse_input_channels(convolution: keras.Layer) -> None:
    """Turns a first convolution for BGR into the same one for RGB."""
    kernel, *rest = convolution.get_weights()
    convolution.set_weights([kernel[:, :, ::-1, :], *rest])
