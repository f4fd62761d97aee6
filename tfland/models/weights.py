"""Weights from one model into another, matched by the layers' names and shapes."""

import logging
import zipfile
from pathlib import Path

import keras

from tfland.config.model import PRESET_PREFIXES

logger = logging.getLogger(__name__)

# Two ResNets share the names and shapes of their stems: a few layers that fit do not make a related model.
_MIN_FITTING_SHARE = 0.5
_NAMED_WEIGHTS = ("none", "imagenet", "preset")


def saved_model_path(weights: str) -> Path | None:
    """The path that a `model.weights` setting names, None where it names none of our models.

    Args:
        weights: "none", "imagenet", "preset", the address of a preset, a .safetensors file, or the path of a .keras
            file or model directory of ours.
    """
    named = weights in _NAMED_WEIGHTS or weights.startswith(PRESET_PREFIXES) or weights.endswith(".safetensors")
    return None if named else Path(weights)


def load_matching_weights(model: keras.Model, path: Path) -> int:
    """Loads every layer's weights that fit from a saved model of ours, and logs how many did.

    Args:
        model: receives the weights; layers without a counterpart keep theirs.
        path: a .keras file, or a model directory that holds model.keras.

    Returns:
        The number of layers that were loaded.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not a .keras file of ours, or fewer than half of the model's layers fit.
    """
    file = path / "model.keras" if path.is_dir() else path
    if not file.exists():
        raise FileNotFoundError(f"no weights file {file}; give a .keras file or a model directory of ours")
    if not zipfile.is_zipfile(file):
        raise ValueError(f"{file} is not a .keras file; give one that `tfland train` wrote")
    source = keras.models.load_model(file, compile=False)
    loaded = copy_matching_weights(source, model)
    total = sum(bool(layer.weights) for layer in model.layers)
    if loaded < total * _MIN_FITTING_SHARE:
        raise ValueError(
            f"{file}: only {loaded} of {total} layers fit {model.name!r} by name and shape; "
            "give the weights of the same backbone"
        )
    logger.info("%s: loaded %d of %d layers into %s", file, loaded, total, model.name)
    return loaded


def copy_matching_weights(source: keras.Model, target: keras.Model) -> int:
    """Copies the weights of every layer whose name and shapes agree; returns how many layers those were."""
    sources = {layer.name: layer for layer in source.layers}
    copied = 0
    for layer in target.layers:
        other = sources.get(layer.name)
        if not layer.weights or other is None or _shapes(other) != _shapes(layer):
            continue
        layer.set_weights(other.get_weights())
        copied += 1
    return copied


def _shapes(layer: keras.Layer) -> list[tuple[int, ...]]:
    return [tuple(weight.shape) for weight in layer.weights]
