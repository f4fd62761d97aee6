"""The local part of an official DELF or DELG SavedModel, as a function of an image.

Two kinds exist. Models of TensorFlow 1 (DELF v1, DELF-GLD, the published DELG) are graphs whose tensors are called by
name, `input_image:0` and so on (tensorflow/models, research/delf/delf/python/examples/extractor.py). Models exported by
the authors' TensorFlow 2 program have a signature with the same names as its keys (export_local_model.py,
export_local_and_global_model.py). A SavedModel is a program: load none that you would not run.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

INPUTS = {
    "input_image": "uint8",
    "input_scales": "float32",
    "input_abs_thres": "float32",
    "input_max_feature_num": "int32",
}
OUTPUTS = ("boxes", "features", "scales", "scores")
GRAPH, _SIGNATURE = "saved_model.pb", "serving_default"
_GLOBAL_SCALES, _GLOBAL = "input_global_scales_ind", "global_descriptors"
_DELG_SIGNATURE = frozenset({*INPUTS, _GLOBAL_SCALES})

FloatArray = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class RawFeatures:
    """What the graph gives for an image, strongest first.

    Attributes:
        boxes: [N, 4] float32, receptive boxes (ymin, xmin, ymax, xmax) in pixels of the image it was given.
        descriptors: [N, D] float32, neither normalised nor projected.
        scales: [N] float32, the inverse of the scales at which they were found.
        scores: [N] float32, attention.
    """

    boxes: FloatArray
    descriptors: FloatArray
    scales: FloatArray
    scores: FloatArray


class OfficialGraph:
    """Loads the graph and finds its tensors.

    Args:
        folder: with saved_model.pb and variables/.

    Attributes:
        dimension: length D of its descriptors; None where the graph does not say.
        is_delg: whether it has global descriptors, too.

    Raises:
        FileNotFoundError: there is no such model, or it came without its weights.
        ValueError: it cannot be loaded, or lacks a tensor; the message names it.
    """

    def __init__(self, folder: Path) -> None:
        import tensorflow as tf

        _check_files(folder)
        chatty = tf.get_logger()
        level = chatty.level
        try:
            # A warning for each of some variables of TensorFlow 1, which only training would need.
            chatty.setLevel("ERROR")
            # Kept: the graph's variables live as long as it does.
            self._loaded = tf.saved_model.load(str(folder))
        except (ValueError, OSError, RuntimeError, KeyError, tf.errors.OpError) as error:
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise ValueError(f"{folder} cannot be loaded as a SavedModel: {reason[:300]}") from error
        finally:
            chatty.setLevel(level)
        signature = dict(getattr(self._loaded, "signatures", {})).get(_SIGNATURE)
        problem = "it has no signature" if signature is None else _signature_problem(signature)
        if not problem and signature is not None:
            self._run, outputs = _signature_runner(signature), signature.structured_outputs
            self.is_delg = _GLOBAL in outputs
        elif hasattr(self._loaded, "prune"):
            self._run, outputs = _named_runner(self._loaded, folder)
            self.is_delg = _has_tensor(self._loaded.graph, _GLOBAL)
        else:
            raise ValueError(f"{folder} is no DELF or DELG with local features: {problem}")
        self.dimension: int | None = outputs["features"].shape[-1]

    def __call__(
        self, image: NDArray[np.uint8], scales: Sequence[float], score_threshold: float, max_features: int
    ) -> RawFeatures:
        """The features of an image.

        Args:
            image: [H, W, 3] uint8 RGB.
            scales: of the pyramid, relative to the image.
            score_threshold: features of a lower attention are left out.
            max_features: how many are kept at most.

        Raises:
            ValueError: the graph gives arrays that do not fit together.
        """
        # Global descriptors are computed on at least one scale whether they are wanted or not: the cheapest.
        values = (image, scales, score_threshold, max_features, [int(np.argmin(scales))])
        given = dict(zip((*INPUTS, _GLOBAL_SCALES), values, strict=True))
        found = {name: np.asarray(array, np.float32) for name, array in self._run(given).items()}
        count = len(found["boxes"])
        features = RawFeatures(found["boxes"], found["features"], found["scales"].ravel(), found["scores"].ravel())
        shapes = {name: list(array.shape) for name, array in found.items()}
        if shapes["boxes"] != [count, 4] or len(shapes["features"]) != 2 or len(features.descriptors) != count:
            raise ValueError(f"the model's outputs do not fit together: {shapes}")
        if len(features.scales) != count or len(features.scores) != count:
            raise ValueError(f"the model's outputs do not fit together: {shapes}")
        return features


Runner = Callable[[Mapping[str, Any]], dict[str, Any]]


def _check_files(folder: Path) -> None:
    if not (folder / GRAPH).is_file():
        raise FileNotFoundError(f"no {GRAPH} in {folder}: give the folder of a SavedModel")
    if (folder / "variables" / "variables.index").is_file() and not list(folder.glob("variables/variables.data-*")):
        raise FileNotFoundError(f"no variables.data-* in {folder / 'variables'}: the model came without its weights")


def _signature_problem(signature: Any) -> str:
    """Why a signature is not that of a model with local features; "" where it is."""
    specs = signature.structured_input_signature[1]
    if missing := [name for name in INPUTS if name not in specs]:
        return f"its signature lacks the inputs {missing}; it has {sorted(specs)}"
    if unknown := sorted(specs.keys() - _DELG_SIGNATURE):
        return f"its signature wants the inputs {unknown}, which no DELF has"
    if missing := [name for name in OUTPUTS if name not in signature.structured_outputs]:
        return f"its signature lacks the outputs {missing}; it has {sorted(signature.structured_outputs)}"
    for name, kind in INPUTS.items():
        if specs[name].dtype.name != kind:
            return f"its input {name} is {specs[name].dtype.name}, expected {kind}"
    return ""


def _signature_runner(signature: Any) -> Runner:
    import tensorflow as tf

    specs = signature.structured_input_signature[1]

    def run(given: Mapping[str, Any]) -> dict[str, Any]:
        outputs = signature(**{name: tf.constant(given[name], spec.dtype) for name, spec in specs.items()})
        return {name: outputs[name].numpy() for name in OUTPUTS}

    return run


def _named_runner(loaded: Any, folder: Path) -> tuple[Runner, dict[str, Any]]:
    """By the names of its tensors: also what its outputs are."""
    import tensorflow as tf

    if missing := [f"{name}:0" for name in (*INPUTS, *OUTPUTS) if not _has_tensor(loaded.graph, name)]:
        raise ValueError(f"{folder} is no DELF or DELG with local features: its graph lacks the tensors {missing}")
    tensors = {name: loaded.graph.get_tensor_by_name(f"{name}:0") for name in (*INPUTS, *OUTPUTS)}
    for name, kind in INPUTS.items():
        if tensors[name].dtype.name != kind:
            raise ValueError(f"{folder}: its input {name} is {tensors[name].dtype.name}, expected {kind}")
    function = loaded.prune([f"{name}:0" for name in INPUTS], [f"{name}:0" for name in OUTPUTS])

    def run(given: Mapping[str, Any]) -> dict[str, Any]:
        outputs = function(*(tf.constant(given[name], tensors[name].dtype) for name in INPUTS))
        return {name: array.numpy() for name, array in zip(OUTPUTS, outputs, strict=True)}

    return run, {name: tensors[name] for name in OUTPUTS}


def _has_tensor(graph: Any, name: str) -> bool:
    try:
        graph.get_tensor_by_name(f"{name}:0")
    except (KeyError, ValueError):
        return False
    return True
