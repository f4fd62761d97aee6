"""Trained models as folders: the network, what its classes mean, and how it wants its photographs."""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import keras
import numpy as np
import tensorflow as tf

from tfland.config import ExperimentConfig, Task
from tfland.config_io import load_config
from tfland.data.labels import LabelMap, read_label_map
from tfland.data.resize import resize_image
from tfland.losses.build import probabilities
from tfland.metrics.binary import DEFAULT_THRESHOLD
from tfland.models.build import load_model
from tfland.training.model_dir import CONFIG_FILE, MODEL_FILE, read_metrics
from tfrecords_builder import schema


@dataclass(frozen=True, kw_only=True)
class TrainedModel:
    """A model directory, opened.

    Attributes:
        model: [B, S, S, 3] pixels in 0..255 -> {"embedding", "logits"}.
        config: the experiment that trained it.
        labels: the landmark of every class.
        folder: the model directory.
    """

    model: keras.Model
    config: ExperimentConfig
    labels: LabelMap
    folder: Path

    @classmethod
    def _open(cls, folder: Path, task: Task, purpose: str) -> Self:
        for name in (MODEL_FILE, CONFIG_FILE, schema.LABELS_FILE):
            if not (folder / name).is_file():
                raise FileNotFoundError(f"{folder / name} is missing; give the model_dir of a finished `tfland train`")
        config = load_config(folder / CONFIG_FILE)
        if config.task != task:
            raise ValueError(f"{folder} holds a model of task {config.task!r}; {purpose} task {task!r}")
        model = load_model(folder / MODEL_FILE)
        labels = read_label_map(folder)
        if model.output["logits"].shape[-1] != len(labels):
            classes = model.output["logits"].shape[-1]
            raise ValueError(f"{folder} mixes models: {classes} classes in {MODEL_FILE}, {len(labels)} in labels.csv")
        return cls(model=model, config=config, labels=labels, folder=folder)

    @property
    def view(self) -> tuple[str, tuple[int, int]]:
        """What `fit` does to a photograph: the resize policy, height and width; networks may share it."""
        return self.config.data.resize, self.config.data.inference_size

    def fingerprint(self) -> str:
        """sha256 of the model's file and of what it is shown."""
        with (self.folder / MODEL_FILE).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() + repr(self.view)

    def fit(self, photograph: np.ndarray) -> np.ndarray:
        """Returns a photograph (uint8 [H, W, 3] RGB) as validation saw them in training: uint8 [h, w, 3]."""
        return fit_photograph(photograph, *self.view)

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        """Returns the probability of every class.

        Args:
            images: [B, S, S, 3] uint8, from `fit`.

        Returns:
            [B, C] float32.
        """
        # Called, not `predict`ed: that would build a data set for every batch.
        logits = self.model(tf.constant(images), training=False)["logits"]
        return keras.ops.convert_to_numpy(probabilities(self.config.loss, logits))


@dataclass(frozen=True, kw_only=True)
class Classifier(TrainedModel):
    """A model directory of task "classify", opened; see `TrainedModel`."""

    @classmethod
    def load(cls, folder: Path) -> "Classifier":
        """Opens what `tfland train` wrote.

        Raises:
            FileNotFoundError: the folder lacks the model, its configuration or its labels.
            ValueError: it holds another kind of model, or classes of another number than its labels.
        """
        return cls._open(folder, "classify", "predictions need")

    @property
    def embedding_size(self) -> int:
        """E, entries of an embedding."""
        return int(self.model.output["embedding"].shape[-1])

    @cached_property
    def _trunk(self) -> keras.Model:
        return keras.Model(self.model.input, self.model.output["embedding"])

    def embed(self, images: np.ndarray) -> np.ndarray:
        """Returns embeddings: [B, S, S, 3] uint8 from `fit` -> [B, E] float32."""
        embedding: np.ndarray = keras.ops.convert_to_numpy(self._trunk(tf.constant(images), training=False))
        return embedding.astype(np.float32, copy=False)

    def probabilities_of(self, embeddings: np.ndarray, temperature: float = 1.0) -> np.ndarray:
        """Returns the probability of every class from embeddings, as `probabilities` does from their photographs.

        Args:
            embeddings: [B, E] float32, from `embed`.
            temperature: T, which divides the logits (Guo et al. 2017, https://arxiv.org/abs/1706.04599, equation 9).

        Returns:
            [B, C] float32.
        """
        logits = self.model.get_layer("logits")(tf.constant(embeddings))
        return keras.ops.convert_to_numpy(probabilities(self.config.loss, _divide(logits, temperature)))


@dataclass(frozen=True, kw_only=True)
class Gate(TrainedModel):
    """A model directory of task "gate", opened: does a photograph show a landmark? See `TrainedModel`."""

    @classmethod
    def load(cls, folder: Path) -> "Gate":
        """Opens what `tfland train` wrote.

        Raises:
            FileNotFoundError: the folder lacks the model, its configuration or its labels.
            ValueError: it holds another kind of model.
        """
        return cls._open(folder, "gate", "a gate is of")

    def landmark_probability(self, images: np.ndarray) -> np.ndarray:
        """Returns how probably each photograph shows a landmark: [B, S, S, 3] uint8 from `fit` -> [B] float32."""
        return self.probabilities(images)[:, 1]

    @property
    def trained_threshold(self) -> float:
        """The threshold of the highest F1 on its validation photographs; 0.5 where it had none."""
        best = (read_metrics(self.folder) or {}).get("best", {})
        return float(best.get("validation_threshold", DEFAULT_THRESHOLD))


def fit_photograph(photograph: np.ndarray, resize: str, size: tuple[int, int]) -> np.ndarray:
    """Returns a photograph (uint8 [H, W, 3] RGB) in the size of a network's input: uint8 [h, w, 3]."""
    fitted: np.ndarray = resize_image(tf.constant(photograph), resize, size).numpy()
    return fitted


def _divide(logits: Any, temperature: float) -> Any:
    return logits if temperature == 1 else logits / temperature
