"""Networks from pixels to a feature map: those of the table and keras-hub's presets, with their start weights.

Every backbone is one flat functional graph with its preprocessing in front, so it takes pixels in 0..255. Those of the
table are built of Keras's own layers and load anywhere without this package.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from tfland.config.model import PRESET_PREFIXES
from tfland.models.backbone_specs import BACKBONES, BackboneSpec, backbone_spec
from tfland.models.presets import Preset, fetch_timm_file, load_preset
from tfland.models.timm_weights import load_timm_weights
from tfland.models.weights import copy_matching_weights, load_matching_weights, saved_model_path

# Five halvings stand between the pixels and the last feature map of nearly every backbone of keras-hub.
_MIN_PRESET_IMAGE_SIZE = 32


def build_backbone(name: str, weights: str = "none") -> keras.Model:
    """A backbone from pixels to its last feature map.

    Args:
        name: a key of `BACKBONES`, or a keras-hub preset: "hub:NAME", "hub:FOLDER" or an address ("hf://timm/…").
        weights: "none" (random; needs no network for a backbone of the table), "imagenet" (downloaded by Keras on
            first use), "preset" (those of the preset that `name` is), "hub:…" or "hf://timm/…" (fetched for a
            backbone of the table), the path of a .safetensors file of timm's, or of a .keras file or model directory
            of ours, from which every layer of the same name and shape is taken.

    Returns:
        A flat functional model: [B, H, W, 3] float32 or uint8 RGB in 0..255 -> [B, ~H/32, ~W/32, channels].

    Raises:
        ValueError: an unknown name, no such weights for it, or a file whose layers do not fit.
        OSError: a file is missing or could not be fetched.
    """
    model = _preset_backbone(name, weights) if _is_preset(name) else _table_backbone(name, weights)
    path = saved_model_path(weights)
    if path:
        load_matching_weights(model, path)
    return model


def build_trunk(name: str, weights: str = "none") -> keras.Model:
    """The part of a ResNet up to conv4, the trunk of DELF (Noh et al. 2017, section 4.1).

    Args:
        name: "resnet18", "resnet50", "resnet101" or "resnet152".
        weights: as for `build_backbone`.

    Returns:
        A flat functional model: [B, H, W, 3] float32 or uint8 RGB in 0..255 -> [B, ~H/16, ~W/16, C], C = 256 or
        1024.

    Raises:
        ValueError: the backbone has no conv4, and as for `build_backbone`.
        OSError: as for `build_backbone`.
    """
    layer = None if _is_preset(name) else backbone_spec(name).conv4_layer
    if layer is None:
        known = ", ".join(key for key, spec in BACKBONES.items() if spec.conv4_layer)
        raise ValueError(f"backbone {name!r} cannot be a DELF trunk; choose one of {known}")
    path = saved_model_path(weights)
    model = build_backbone(name, "none" if path else weights)
    trunk = keras.Model(model.input, model.get_layer(layer).output, name=f"{name}_conv4")
    if path:
        # Into the trunk and not the backbone: a file of DELF's holds nothing after conv4.
        load_matching_weights(trunk, path)
    return trunk


def min_image_size(name: str) -> int:
    """Smallest height and width in pixels that a backbone takes."""
    return _MIN_PRESET_IMAGE_SIZE if _is_preset(name) else backbone_spec(name).min_image_size


def copy_layer(layer: keras.Layer) -> keras.Layer:
    """A new layer of the same class and settings, without the weights."""
    return layer.__class__.from_config(layer.get_config())


def _is_preset(name: str) -> bool:
    return name.startswith(PRESET_PREFIXES)


def _table_backbone(name: str, weights: str) -> keras.Model:
    spec = backbone_spec(name)
    if weights == "imagenet" and spec.imagenet_kernel is None:
        known = ", ".join(key for key, other in BACKBONES.items() if other.imagenet_kernel is not None)
        raise ValueError(f"no ImageNet weights for backbone {name!r}; {known} have them, or give a file or 'none'")
    if weights == "preset":
        raise ValueError(f'backbone {name!r} is no keras-hub preset; give its weights as "hub:PRESET"')
    source = spec.construct("imagenet" if weights == "imagenet" else None)
    scale = [1 / deviation for deviation in spec.deviation]
    offset = [-mean / deviation for mean, deviation in zip(spec.mean, spec.deviation, strict=True)]
    model = _with_preprocessing(source, scale, offset, name, spec.first_layer)
    if weights == "imagenet":
        copy_matching_weights(source, model)
        if spec.imagenet_kernel:
            _reverse_input_channels(model.get_layer(spec.imagenet_kernel))
    elif weights.startswith("hf://timm/") or weights.endswith(".safetensors"):
        _take_timm_weights(model, spec, weights)
    elif _is_preset(weights):
        _take_preset_weights(model, load_preset(weights, with_weights=True), weights)
    return model


def _preset_backbone(name: str, weights: str) -> keras.Model:
    if weights not in ("none", "preset") and saved_model_path(weights) is None:
        raise ValueError(f'backbone {name!r} takes the weights "none", "preset" or a file of ours, not {weights!r}')
    preset = load_preset(name, with_weights=weights == "preset")
    # Keras allows no "/" in names.
    model = _with_preprocessing(preset.model, preset.scale, preset.offset, Path(name).name.replace(":", "_"))
    if weights == "preset":
        copy_matching_weights(preset.model, model)
    return model


def _take_timm_weights(model: keras.Model, spec: BackboneSpec, weights: str) -> None:
    if spec.timm_module is None:
        known = ", ".join(key for key, other in BACKBONES.items() if other.timm_module)
        raise ValueError(
            f"timm's weights do not fit backbone {model.name!r}, which Keras builds in its own way; {known} take them, "
            'or give model.backbone itself as "hf://timm/…" and model.weights=preset'
        )
    path = fetch_timm_file(weights) if weights.startswith("hf://") else Path(weights)
    load_timm_weights(model, path, spec.timm_module)


def _take_preset_weights(model: keras.Model, preset: Preset, weights: str) -> None:
    ours = model.get_layer("preprocessing")
    if not (np.allclose(ours.scale, preset.scale, rtol=0.01) and np.allclose(ours.offset, preset.offset, rtol=0.01)):
        raise ValueError(
            f"preset {weights!r} normalises pixels differently from {model.name!r}; give it as model.backbone"
        )
    copied, total = copy_matching_weights(preset.model, model), sum(bool(layer.weights) for layer in model.layers)
    if copied < total:
        raise ValueError(
            f"preset {weights!r}: only {copied} of {total} layers fit {model.name!r}; give it as model.backbone"
        )


def _with_preprocessing(
    source: keras.Model, scale: Sequence[float], offset: Sequence[float], name: str, first_layer: str | None = None
) -> keras.Model:
    """A copy of `source` (new weights) in one flat graph that starts with our preprocessing.

    Args:
        source: functional, with one input.
        scale: multiplies the pixels, RGB.
        offset: is added then, RGB.
        name: of the copy.
        first_layer: layers before it are left out; None: none are.
    """
    # float32 whatever the policy: half precision cannot tell neighbouring pixel values apart once scaled.
    preprocessing = keras.layers.Rescaling(list(scale), list(offset), dtype="float32", name="preprocessing")
    image = keras.Input((None, None, 3), dtype="float32", name="image")
    pixels = preprocessing(image)
    started = first_layer is None

    def call(layer: keras.Layer, *args: Any, **kwargs: Any) -> Any:
        nonlocal started
        started = started or layer.name == first_layer
        if not started:
            return args[0]
        return layer(*[pixels if argument is image else argument for argument in args], **kwargs)

    copy = keras.models.clone_model(source, input_tensors=image, call_function=call, clone_function=copy_layer)
    # A subclass of Model (keras_hub's) has a configuration of its own; a plain one also loads without keras_hub.
    return keras.Model(image, copy.output, name=name)


def _reverse_input_channels(convolution: keras.Layer) -> None:
    """Turns a first convolution for BGR into the same one for RGB."""
    kernel, *rest = convolution.get_weights()
    convolution.set_weights([kernel[:, :, ::-1, :], *rest])
