"""A trained classifier as a folder: its network, what its classes mean, and how it wants its photographs."""

from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from tfland.config import ExperimentConfig
from tfland.config_io import load_config
from tfland.data.labels import LabelMap, read_label_map
from tfland.data.resize import resize_image
from tfland.losses.build import probabilities
from tfland.models.build import load_model
from tfland.training.model_dir import CONFIG_FILE, MODEL_FILE
from tfrecords_builder import schema


@dataclass(frozen=True, kw_only=True)
class Classifier:
    """A model directory, opened.

    Attributes:
        model: [B, S, S, 3] pixels in 0..255 -> {"embedding", "logits"}.
        config: the experiment that trained it.
        labels: the landmark of every class.
    """

    model: keras.Model
    config: ExperimentConfig
    labels: LabelMap

    @classmethod
    def load(cls, folder: Path) -> "Classifier":
        """Opens what `tfland train` wrote.

        Raises:
            FileNotFoundError: the folder lacks the model, its configuration or its labels.
            ValueError: it holds another kind of model, or classes of another number than its labels.
        """
        for name in (MODEL_FILE, CONFIG_FILE, schema.LABELS_FILE):
            if not (folder / name).is_file():
                raise FileNotFoundError(f"{folder / name} is missing; give the model_dir of a finished `tfland train`")
        config = load_config(folder / CONFIG_FILE)
        if config.task != "classify":
            raise ValueError(f"{folder} holds a model of task {config.task!r}; predictions need task 'classify'")
        model = load_model(folder / MODEL_FILE)
        labels = read_label_map(folder)
        if model.output["logits"].shape[-1] != len(labels):
            classes = model.output["logits"].shape[-1]
            raise ValueError(f"{folder} mixes models: {classes} classes in {MODEL_FILE}, {len(labels)} in labels.csv")
        return cls(model=model, config=config, labels=labels)

    def fit(self, photograph: np.ndarray) -> np.ndarray:
        """Returns a photograph (uint8 [H, W, 3] RGB) as validation saw them in training: uint8 [h, w, 3]."""
        data = self.config.data
        return resize_image(tf.constant(photograph), data.resize, data.inference_size).numpy()

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
