"""A trained model as a function from photographs to vectors of unit length."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfland.config.checks import check_between
from tfland.config_io import load_config
from tfland.data.resize import resize_image
from tfland.models.build import load_model
from tfland.recognition.embedding_files import fingerprint_of
from tfland.training.model_dir import CONFIG_FILE, MODEL_FILE, weights_digest

_OUTPUT = "embedding"
# A single photograph goes through other arithmetic than several (a vector times a matrix), so that its vector would
# differ in the last digits. Batches of two and more of ResNet and EfficientNet agreed bit for bit on a CPU; with oneDNN
# switched off they differed by 2e-7.
MIN_BATCH = 2


@dataclass(frozen=True, kw_only=True)
class ViewConfig:
    """Which views of a photograph a vector is made of.

    Attributes:
        size: height and width in pixels; None takes that of the model's configuration (`data.evaluation_size`, else
            `data.image_size`), which in seed 001 is larger than in training.
        flip: also look at the mirrored photograph.
        scales: look at the photograph at these multiples of the size, each once. The vectors of all views, each of
            unit length, are averaged.
    """

    size: int | None = None
    flip: bool = False
    scales: tuple[float, ...] = (1.0,)

    def __post_init__(self) -> None:
        if self.size is not None:
            check_between("size", self.size, 32, 4096)
        if not 1 <= len(self.scales) <= 8 or len(set(self.scales)) != len(self.scales):
            raise ValueError(f"scales are {self.scales}; give 1 to 8 different ones, such as 1,0.7")
        for scale in self.scales:
            if not 0.1 <= scale <= 4:
                raise ValueError(f"scales has {scale}; give numbers from 0.1 to 4, such as 1,0.7")

    def sizes(self, height: int, width: int) -> tuple[tuple[int, int], ...]:
        """Height and width in pixels of the views that are not mirrored, for a model with this inference size."""
        height, width = (self.size, self.size) if self.size else (height, width)
        sizes = tuple((round(height * scale), round(width * scale)) for scale in self.scales)
        for side in itertools.chain(*sizes):
            check_between("scales times the size", side, 32, 4096)
        return sizes


class Embedder:
    """What makes vectors of photographs.

    Args:
        network: [B, h, w, 3] pixels in 0..255 -> {"embedding": [B, E], …}, for any h and w.
        sizes: height and width in pixels of the views.
        resize: how a photograph gets that size: `data.resize` of the model's configuration, uncropped.
        flip: also look at the mirrored views.
    """

    def __init__(
        self, network: keras.Model, sizes: Sequence[tuple[int, int]], resize: str, *, flip: bool = False
    ) -> None:
        self._network, self._resize, self._flip = network, resize, flip
        self.sizes = tuple(sizes)
        self.model: dict[str, Any] = {
            "weights_sha256": weights_digest(network),
            "sizes": [list(size) for size in self.sizes],
            "resize": resize,
            "flip": flip,
        }
        self.fingerprint = fingerprint_of(self.model)
        self.dimensions = int(network.output[_OUTPUT].shape[-1])
        self._vectors = tf.function(self._run)
        self._fit = tf.function(
            lambda image: tuple(resize_image(image, resize, size) for size in self.sizes),
            input_signature=[tf.TensorSpec([None, None, 3], tf.uint8)],
        )

    @classmethod
    def load(cls, folder: Path | str, views: ViewConfig | None = None) -> "Embedder":
        """Opens a model directory.

        Raises:
            FileNotFoundError: the folder lacks the model or its configuration.
            ValueError: the model makes no embeddings, or the views do not fit its size.
        """
        folder = Path(folder)
        for name in (MODEL_FILE, CONFIG_FILE):
            if not (folder / name).is_file():
                raise FileNotFoundError(f"{folder / name} is missing; give the model_dir of a finished `tfland train`")
        config = load_config(folder / CONFIG_FILE)
        views = views or ViewConfig()
        sizes = views.sizes(*config.data.inference_size)
        network = load_model(folder / MODEL_FILE)
        if not isinstance(network.output, dict) or _OUTPUT not in network.output:
            raise ValueError(
                f"{folder} holds a model of task {config.task!r}, which makes no embeddings of photographs"
            )
        return cls(network, sizes, config.data.resize, flip=views.flip)

    def fit(self, photograph: np.ndarray) -> tuple[np.ndarray, ...]:
        """Returns a photograph (uint8 [H, W, 3] RGB) at the size of each view: uint8 [h, w, 3]; any thread may ask."""
        return tuple(view.numpy() for view in self._fit(photograph))

    def embed(self, photographs: Sequence[tuple[np.ndarray, ...]], batch_size: int | None = None) -> np.ndarray:
        """Returns the vectors of a batch.

        Args:
            photographs: [B], each from `fit`.
            batch_size: the batch is filled up with black to this many, so that the network is traced once.

        Returns:
            [B, E] float32 of unit length; a row that is not finite or is zero where the model gave no more.
        """
        filled = max(batch_size or 0, len(photographs), MIN_BATCH)
        views = []
        for number, (height, width) in enumerate(self.sizes):
            batch = np.zeros((filled, height, width, 3), np.uint8)
            batch[: len(photographs)] = [photograph[number] for photograph in photographs]
            views.append(tf.constant(batch))
        vectors = [unit_rows(np.asarray(vector)[: len(photographs)]) for vector in self._vectors(views)]
        # Each view counts alike, however long its vector (Tolias et al. 2016, https://arxiv.org/abs/1511.05879,
        # section 3, sum the vectors of several regions in this way).
        return vectors[0] if len(vectors) == 1 else unit_rows(np.stack(vectors).sum(axis=0))

    def _run(self, views: list[tf.Tensor]) -> list[tf.Tensor]:
        """Vectors of the views and of their mirror images, each [B, E] float32."""
        views = views + ([view[:, :, ::-1] for view in views] if self._flip else [])
        outputs = [self._network(tf.cast(view, tf.float32), training=False)[_OUTPUT] for view in views]
        return [tf.cast(output, tf.float32) for output in outputs]


def unit_rows(vectors: np.ndarray) -> np.ndarray:
    """Returns [N, E] float32 rows at unit length; a zero row stays zero, one that is not finite becomes NaN.

    In NumPy, whose results for a row do not depend on the other rows: TensorFlow's square root does, by where a row
    lies in the vector registers.
    """
    # By the largest number first: the squares of small ones would vanish.
    largest = np.abs(vectors).max(axis=1, keepdims=True)
    with np.errstate(invalid="ignore"):
        scaled = vectors / np.where(largest == 0, np.float32(1), largest)
        length = np.sqrt(np.square(scaled).sum(axis=1, keepdims=True))
        return scaled / np.where(length == 0, np.float32(1), length)
