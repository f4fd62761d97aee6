"""Weights that timm trained, from its safetensors files into our builds of the same networks.

timm: Wightman 2019, https://github.com/huggingface/pytorch-image-models. Its tensors are called as PyTorch's modules;
its kernels are [out, in / groups, height, width], Keras's are [height, width, in / groups, out].
"""

import logging
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

logger = logging.getLogger(__name__)

# What a file of timm's holds beside the backbone: its classifier and PyTorch's counters.
_NOT_BACKBONE = ("fc.", "classifier.", "head.")
_COUNTER = ".num_batches_tracked"


def load_timm_weights(model: keras.Model, path: Path, timm_module: Callable[[str], str]) -> None:
    """Puts the tensors of a safetensors file of timm's into a backbone, all of them or none.

    Args:
        model: a build of the network that timm's file was trained for.
        path: the file, as timm's pages on Hugging Face offer it ("model.safetensors"). The format holds nothing
            but numbers: no code of the file's author is run.
        timm_module: from the name of a layer to that of timm's module.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no safetensors file, or of another network: a tensor is missing, left over, not of the
            layer's shape or not finite.
    """
    tensors = _read_safetensors(path)
    new_weights = []
    for layer in (layer for layer in model.layers if layer.weights):
        module = timm_module(layer.name)
        weights = [_take(tensors, f"{module}.{name}", path) for name in _tensor_names(layer)]
        new_weights.append((layer, _checked(weights, layer, module, path)))
    left_over = [name for name in tensors if not name.startswith(_NOT_BACKBONE) and not name.endswith(_COUNTER)]
    if left_over:
        raise ValueError(
            f"{path}: {model.name} has no place for {len(left_over)} of its tensors ({left_over[0]!r} …); "
            "give the file of the same network"
        )
    for layer, weights in new_weights:
        layer.set_weights(weights)
    logger.info("%s: loaded %d layers into %s", path, len(new_weights), model.name)


def port_module(layer_name: str) -> str:
    """The name that timm gives a layer of `tfland.models.residual`."""
    return layer_name.replace("_", ".")


def resnet18_module(layer_name: str) -> str:
    """The name that timm gives a layer of keras-hub's ResNet: for "stack0_block1_2_bn" it is "layer1.1.bn2"."""
    *block, number, kind = layer_name.split("_")
    if not block:
        return f"{kind.removesuffix('v') if kind == 'bn' else 'conv'}1"
    stage = int(block[0].removeprefix("stack")) + 1
    prefix = f"layer{stage}.{block[1].removeprefix('block')}"
    if number == "0":
        return f"{prefix}.downsample.{0 if kind == 'conv' else 1}"
    return f"{prefix}.{kind}{number}"


def _read_safetensors(path: Path) -> dict[str, NDArray[np.generic]]:
    # Imported here: whoever trains from nothing does not need it.
    import safetensors
    import safetensors.numpy

    if not path.is_file():
        raise FileNotFoundError(f"no weights file {path}; give a .safetensors file of timm's")
    try:
        return safetensors.numpy.load_file(path)
    # AttributeError: a type of numbers that NumPy lacks.
    except (safetensors.SafetensorError, AttributeError) as error:
        raise ValueError(f"{path} is not a safetensors file that can be read ({error}); fetch it again") from error


def _tensor_names(layer: keras.Layer) -> list[str]:
    """The tensors of timm's module in the order of the layer's weights."""
    if isinstance(layer, keras.layers.BatchNormalization):
        return ["weight", "bias", "running_mean", "running_var"]
    return ["weight", "bias"] if layer.use_bias else ["weight"]


def _take(tensors: dict[str, NDArray[np.generic]], name: str, path: Path) -> NDArray[np.generic]:
    if name not in tensors:
        raise ValueError(f"{path} holds no tensor {name!r}; give the file of the same network")
    return tensors.pop(name)


def _checked(
    weights: list[NDArray[np.generic]], layer: keras.Layer, module: str, path: Path
) -> list[NDArray[np.generic]]:
    """The weights as Keras lays them out, float32."""
    laid_out = [
        np.asarray(weight.transpose(2, 3, 1, 0) if weight.ndim == 4 else weight, "float32") for weight in weights
    ]
    for ours, theirs in zip(layer.weights, laid_out, strict=True):
        if tuple(ours.shape) != theirs.shape:
            raise ValueError(
                f"{path}: {module!r} holds {theirs.shape} where {layer.name!r} takes {tuple(ours.shape)}; "
                "give the file of the same network"
            )
        if not np.isfinite(theirs).all():
            raise ValueError(f"{path}: {module!r} holds values that are not finite; fetch it again")
    return laid_out
