"""Backbones and weights that keras-hub offers as presets, from its stores or from a folder.

keras-hub: https://keras.io/keras_hub/presets. A preset's name goes to the network on first use; a folder that its
`save_to_preset` wrote does not.
"""

import difflib
from dataclasses import dataclass
from pathlib import Path

import keras

_OFFLINE = "without a network give a folder that keras-hub's save_to_preset wrote, or another model.weights"


@dataclass(frozen=True)
class Preset:
    """A backbone of keras-hub and how it wants its pixels.

    Attributes:
        model: functional, from normalised pixels [B, H, W, 3] to a feature map [B, h, w, C].
        scale: a pixel in 0..255 is multiplied by it, RGB.
        offset: and this is added, RGB.
    """

    model: keras.Model
    scale: tuple[float, ...]
    offset: tuple[float, ...]


def load_preset(name: str, *, with_weights: bool) -> Preset:
    """A vision backbone of keras-hub.

    Args:
        name: "hub:" and a preset's name or folder, or an address ("hf://timm/resnet50.a1_in1k", "kaggle://…").
        with_weights: load the preset's weights; else they are random, but the network is asked for the structure
            all the same.

    Raises:
        ValueError: there is no such preset, it is no vision backbone that ends in a feature map, or it does not say
            how it wants its pixels.
        OSError: it could not be fetched.
    """
    # Imported here: keras_hub is slow to import.
    import keras_hub

    address = name.removeprefix("hub:")
    _check_known(address, list(keras_hub.models.Backbone.presets))
    try:
        model = keras_hub.models.Backbone.from_preset(address, load_weights=with_weights)
        _check_feature_map(model, name)
        converter = keras_hub.layers.ImageConverter.from_preset(address)
    except OSError as error:
        raise OSError(f"preset {name!r} could not be fetched ({_first_line(error)}); {_OFFLINE}") from error
    except ValueError as error:
        raise ValueError(f"preset {name!r} cannot be used ({_first_line(error)}); {_OFFLINE}") from error
    if converter is None or converter.scale is None:
        raise ValueError(
            f"preset {name!r} does not say how it normalises pixels; give another, or one of our backbones"
        )
    return Preset(model, _per_channel(converter.scale), _per_channel(converter.offset or 0.0))


def fetch_timm_file(address: str) -> Path:
    """The safetensors file of a timm model on Hugging Face, fetched on first use.

    Args:
        address: "hf://timm/NAME".

    Raises:
        OSError: it could not be fetched.
        ValueError: it is no address of a model.
    """
    import huggingface_hub

    try:
        return Path(huggingface_hub.hf_hub_download(address.removeprefix("hf://"), "model.safetensors"))
    except OSError as error:
        raise OSError(f"weights {address!r} could not be fetched ({_first_line(error)}); {_OFFLINE}") from error


def _check_known(address: str, known: list[str]) -> None:
    if address in known or "://" in address or Path(address).is_dir():
        return
    near = difflib.get_close_matches(address, known, n=1, cutoff=0.6)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise ValueError(f"there is no preset or folder {address!r}; {hint}https://keras.io/keras_hub/presets lists them")


def _check_feature_map(model: keras.Model, name: str) -> None:
    shapes = [getattr(model.input, "shape", ()), getattr(model.output, "shape", ())]
    if any(len(shape) != 4 for shape in shapes):
        raise ValueError(f"{type(model).__name__} of {name} takes and gives {shapes}, not an image and a feature map")


def _per_channel(value: float | list[float] | tuple[float, ...]) -> tuple[float, ...]:
    values = list(value) if isinstance(value, list | tuple) else [value] * 3
    return tuple(float(each) for each in values)


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
