"""DELF's dense descriptors over an image pyramid, and the choice of the best of them."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from delf_verify.features import LocalFeatures
from delf_verify.nms import greedy_nms
from delf_verify.pca import normalize

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True, kw_only=True)
class DelfConfig:
    """Settings of DELF's extraction; every one of them enters the fingerprint.

    Scales, number of features and PCA size are those of Noh et al. 2017 (section 4.3 and their published
    configuration) and of seed 003.

    Attributes:
        scales: sizes of the pyramid's images relative to the photograph.
        max_features: features of an image that are kept at most, those of the highest attention.
        score_threshold: features of a lower attention are dropped; attention is above 0, and its range depends on
            the model.
        nms_iou: a feature is dropped where its receptive box overlaps that of a stronger one by more (intersection
            over union); 1 drops none, as in the authors' configuration. Neighbours at one scale overlap by 0.86
            (ResNet18) or 0.90 (ResNet50), so that lower values thin the grid out.
        min_side: pyramid images whose shorter side, in pixels, is below this are left out.
        max_side: a photograph whose longer side, in pixels, is above this is reduced to it first.
        pca_size: length of the projected descriptors.
        pca_whiten: divide the projected numbers by their standard deviations; see `delf_verify.pca`.
        pca_samples: descriptors that the projection is fitted on at most, spread evenly over the images.

    Raises:
        ValueError: a value is out of range.
    """

    scales: tuple[float, ...] = tuple(2 ** (step / 2) for step in range(-4, 3))
    max_features: int = 1000
    score_threshold: float = 0.0
    nms_iou: float = 1.0
    min_side: int = 32
    max_side: int = 1024
    pca_size: int = 40
    pca_whiten: bool = False
    pca_samples: int = 200_000

    def __post_init__(self) -> None:
        object.__setattr__(self, "scales", tuple(self.scales))
        if not self.scales or not all(0 < scale <= 8 for scale in self.scales):
            raise ValueError(f"delf.scales must be numbers above 0 and at most 8, got {list(self.scales)}")
        if len(set(self.scales)) != len(self.scales):
            raise ValueError(f"delf.scales must differ from each other, got {list(self.scales)}")
        for name in ("max_features", "min_side", "pca_size", "pca_samples"):
            if getattr(self, name) < 1:
                raise ValueError(f"delf.{name} must be at least 1, got {getattr(self, name)}")
        if not 0 < self.nms_iou <= 1:
            raise ValueError(f"delf.nms_iou must be above 0 and at most 1, got {self.nms_iou}")
        if not 0 <= self.score_threshold < math.inf:
            raise ValueError(f"delf.score_threshold must be at least 0, got {self.score_threshold}")
        if self.max_side < self.min_side:
            raise ValueError(f"delf.max_side must be at least min_side ({self.min_side}), got {self.max_side}")


@dataclass(frozen=True, eq=False)
class _Level:
    """What one image of the pyramid yields: boxes [N, 4] in the photograph, descriptors [N, D], scores [N]."""

    boxes: NDArray[np.float64]
    descriptors: NDArray[np.float32]
    scores: NDArray[np.float32]


class Pyramid:
    """Runs a DELF model over the pyramid of an image and keeps its best features.

    Args:
        model: from `delf_verify.model.extraction_model`.
        config: see `DelfConfig`.

    Attributes:
        dimension: length D of the model's descriptors.
    """

    def __init__(self, model: "keras.Model", config: DelfConfig) -> None:
        from delf_verify.receptive_field import receptive_field

        self._config = config
        self._run = _runner(model)
        self._field = receptive_field(model.output["descriptors"])
        self.dimension: int = model.output["descriptors"].shape[-1]

    def extract(self, image: NDArray[np.uint8]) -> LocalFeatures:
        """The best features of an image, best first, with the model's descriptors, L2-normalised but not projected.

        Args:
            image: [H, W, 3] uint8 RGB.

        Raises:
            ValueError: the array is no RGB image, or the model puts out something that is not finite.
        """
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or 0 in image.shape:
            raise ValueError(f"an image must be [H, W, 3] uint8 RGB, got {list(image.shape)} {image.dtype}")
        levels = list(self._levels(image))
        if not levels:
            return LocalFeatures.empty(self.dimension)
        boxes = np.concatenate([level.boxes for level in levels])
        scores = np.concatenate([level.scores for level in levels])
        kept = greedy_nms(boxes, scores, max_iou=self._config.nms_iou, max_boxes=self._config.max_features)
        boxes = boxes[kept]
        smallest = self._field.size / max(self._config.scales)
        return LocalFeatures(
            # Edges to pixel centres: the centre of the top left pixel is (0, 0).
            locations_yx=(boxes[:, :2] + boxes[:, 2:]) / 2 - 0.5,
            descriptors=normalize(np.concatenate([level.descriptors for level in levels])[kept]),
            scores=scores[kept],
            scales=(boxes[:, 2] - boxes[:, 0]) / smallest,
        )

    def _levels(self, image: NDArray[np.uint8]) -> Iterator[_Level]:
        height, width = image.shape[:2]
        reduction = min(1.0, self._config.max_side / max(height, width))
        for scale in self._config.scales:
            size = [round(side * scale * reduction) for side in (height, width)]
            if min(size) >= self._config.min_side:
                yield self._level(image, size[0], size[1])

    def _level(self, image: NDArray[np.uint8], height: int, width: int) -> _Level:
        """Features of the image at another size, above the score threshold, with boxes in the image itself."""
        shrinks = height * width < image.shape[0] * image.shape[1]
        interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        resized = cv2.resize(image, (width, height), interpolation=interpolation)
        outputs = self._run(resized[None].astype(np.float32))
        # Both maps come from the accelerator once, here.
        descriptors, attention = (np.asarray(outputs[name])[0] for name in ("descriptors", "attention"))
        # Rounding the size to pixels gives the axes slightly different scales.
        ratio = np.array([image.shape[0] / height, image.shape[1] / width] * 2)
        boxes = self._field.boxes(*attention.shape[:2]) * ratio
        scores = attention.reshape(-1)
        strong = scores >= self._config.score_threshold
        return _Level(boxes[strong], descriptors.reshape(-1, self.dimension)[strong], scores[strong])


def _runner(model: "keras.Model") -> Callable[[NDArray[np.float32]], Any]:
    import keras

    def call(images: Any) -> Any:
        return model(images, training=False)

    if keras.backend.backend() != "tensorflow":
        return call
    import tensorflow as tf

    # One graph for images of every size: otherwise TensorFlow traces the model anew for each.
    return tf.function(call, input_signature=[tf.TensorSpec([None, None, None, 3], tf.float32)])
