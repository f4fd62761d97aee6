"""DELF's dense descriptors over an image pyramid, and the choice of the best of them."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from delf_verify.batches import in_batches
from delf_verify.features import LocalFeatures
from delf_verify.nms import greedy_nms
from delf_verify.pca import normalize
from delf_verify.runner import compile_model, default_batch_size, fetch

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True, kw_only=True)
class DelfConfig:
    """Settings of DELF's extraction; every one of them enters the fingerprint.

    Scales, number of features and PCA size are those of Noh et al. 2017 (section 4.3 and their published
    configuration) and of seed 003.

    Attributes:
        scales: sizes of the pyramid's images relative to the photograph, up to rounding (`bucket`).
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


# Significant bits of the sides of what enters the network: 16 sizes an octave, each off by 3 % at most.
_SIZE_BITS = 5


def bucket(side: float) -> int:
    """The side, in pixels, that stands for `side` in the pyramid: at least 1, at most 5 significant bits.

    Photographs have sides of any length. With few sizes, many can share a batch, and a backend that compiles for every
    size soon has them all. Padding to a size would change what the convolutions see at the border; this stretches an
    axis by at most 3 %.
    """
    step = 2 ** max(0, math.floor(math.log2(max(side, 1.0))) - (_SIZE_BITS - 1))
    return max(1, round(side / step) * step)


@dataclass(frozen=True, eq=False)
class _Started:
    """A batch that the device works on: sizes [B] of its photographs, and size and outputs of each pyramid level."""

    sizes: list[tuple[int, int]]
    levels: list[tuple[tuple[int, int], Any]]


@dataclass(frozen=True, eq=False)
class _Level:
    """What one image of the pyramid yields: boxes [N, 4] in the photograph, descriptors [N, D], scores [N]."""

    boxes: NDArray[np.float64]
    descriptors: NDArray[np.float32]
    scores: NDArray[np.float32]


class Pyramid:
    """Runs a DELF model over the pyramid of an image and keeps its best features.

    Images run in batches of one size, and a batch that is not full is filled up with black images, so that every image
    goes through the same compiled program: its features depend neither on the others nor on how many there are. Another
    `batch_size` is another program, whose sums may be rounded differently (about 1e-6 of the largest number).

    Args:
        model: from `delf_verify.model.extraction_model`.
        config: see `DelfConfig`.
        batch_size: images that run at once; None for what suits the device.

    Attributes:
        dimension: length D of the model's descriptors.
        batch_size: as given, or chosen.

    Raises:
        ValueError: `batch_size` is below 1, or the model has no fixed receptive field.
    """

    def __init__(self, model: "keras.Model", config: DelfConfig, batch_size: int | None = None) -> None:
        from delf_verify.receptive_field import receptive_field

        self._config = config
        self._run = compile_model(model)
        self._field = receptive_field(model.output["descriptors"])
        self.dimension: int = model.output["descriptors"].shape[-1]
        self.batch_size = default_batch_size() if batch_size is None else batch_size
        if self.batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, got {batch_size}")

    def extract(self, image: NDArray[np.uint8]) -> LocalFeatures:
        """The best features of an image, best first, with the model's descriptors, L2-normalised but not projected.

        Args:
            image: [H, W, 3] uint8 RGB.

        Raises:
            ValueError: the array is no RGB image, or the model puts out something that is not finite.
        """
        return next(self.extract_many([image]))

    def extract_many(self, images: Iterable[NDArray[np.uint8]]) -> Iterator[LocalFeatures]:
        """The features of each image as `extract` gives them, in the order given.

        Args:
            images: [H, W, 3] uint8 RGB each; up to 8 · batch_size are held at a time.

        Raises:
            ValueError: as for `extract`.
        """
        return in_batches(
            images, batch_size=self.batch_size, size_of=self._base_size, start=self._start, finish=self._finish
        )

    def _base_size(self, image: NDArray[np.uint8]) -> tuple[int, int]:
        """The size at scale 1; images that share it share the sizes at all scales."""
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or 0 in image.shape:
            raise ValueError(f"an image must be [H, W, 3] uint8 RGB, got {list(image.shape)} {image.dtype}")
        height, width = image.shape[:2]
        reduction = min(1.0, self._config.max_side / max(height, width))
        return bucket(height * reduction), bucket(width * reduction)

    def _start(self, images: Sequence[NDArray[np.uint8]]) -> _Started:
        height, width = self._base_size(images[0])
        sizes = [(bucket(height * scale), bucket(width * scale)) for scale in self._config.scales]
        levels = [
            (size, self._run(_resized(images, size, self.batch_size)))
            for size in sizes
            if min(size) >= self._config.min_side
        ]
        return _Started([(image.shape[0], image.shape[1]) for image in images], levels)

    def _finish(self, started: _Started) -> list[LocalFeatures]:
        # Both maps of a level come from the accelerator once, here.
        maps = [(size, fetch(out["descriptors"]), fetch(out["attention"])) for size, out in started.levels]
        return [
            self._best(
                [self._level(image, size, descriptors[row], attention[row]) for size, descriptors, attention in maps],
                max(1.0, max(image) / self._config.max_side),
            )
            for row, image in enumerate(started.sizes)
        ]

    def _level(
        self,
        image: tuple[int, int],
        size: tuple[int, int],
        descriptors: NDArray[np.float32],
        attention: NDArray[np.float32],
    ) -> _Level:
        """Features above the score threshold of a photograph at another size, with boxes in the photograph itself."""
        # Rounding gives the axes slightly different scales.
        ratio = np.array([image[0] / size[0], image[1] / size[1]] * 2)
        boxes = self._field.boxes(*attention.shape[:2]) * ratio
        scores = attention.reshape(-1)
        strong = scores >= self._config.score_threshold
        return _Level(boxes[strong], descriptors.reshape(-1, self.dimension)[strong], scores[strong])

    def _best(self, levels: Sequence[_Level], pixel_size: float) -> LocalFeatures:
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
            pixel_size=pixel_size,
        )


def _resized(images: Sequence[NDArray[np.uint8]], size: tuple[int, int], count: int) -> NDArray[np.uint8]:
    """The images at another size, [count, h, w, 3]; black ones make up the number."""
    batch = np.zeros((count, *size, 3), np.uint8)
    for row, image in enumerate(images):
        # Averaging over areas where it shrinks: other interpolations alias.
        shrinks = size[0] * size[1] < image.shape[0] * image.shape[1]
        interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        cv2.resize(image, (size[1], size[0]), dst=batch[row], interpolation=interpolation)
    return batch
