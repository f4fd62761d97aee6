"""RootSIFT, the extractor that needs no weights: Lowe's SIFT (IJCV 2004) compared by the Hellinger kernel."""

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from delf_verify.features import LocalFeatures

# Raised whenever the same settings would give other features; stored features of the old version are then refused.
_VERSION = 1
_DIMENSION = 128


@dataclass(frozen=True, kw_only=True)
class SiftConfig:
    """Settings of `RootSift`; every one of them enters the fingerprint.

    Attributes:
        max_features: features of an image that are kept at most, those of the strongest response.
        max_side: the longest side, in pixels, to which a larger image is reduced first; smaller ones stay.
        contrast_threshold: places of less contrast are no features (OpenCV's unit; its default 0.04 leaves an
            image of 800 pixels with 1500 features).
        upright: take every feature as upright, not turned to its main gradient. Photographs of buildings are held
            upright as a rule, and a window turned by 90 degrees is then no match for a sill; turned photographs
            are lost.

    Raises:
        ValueError: a value is out of range.
    """

    max_features: int = 2048
    max_side: int = 1024
    contrast_threshold: float = 0.01
    upright: bool = True

    def __post_init__(self) -> None:
        if self.max_features < 1:
            raise ValueError(f"sift.max_features must be at least 1, got {self.max_features}")
        if self.max_side < 16:
            raise ValueError(f"sift.max_side must be at least 16 pixels, got {self.max_side}")
        if not 0 <= self.contrast_threshold < 1:
            raise ValueError(f"sift.contrast_threshold must lie in [0, 1), got {self.contrast_threshold}")


class RootSift:
    """Extracts RootSIFT features: L1-normalised SIFT, then the square root of every number.

    The Euclidean distance of such descriptors is the Hellinger distance of the histograms (Arandjelovic and
    Zisserman, "Three things everyone should know to improve object retrieval", CVPR 2012, section 3); their length
    is 1.

    Attributes:
        config: the settings.
        fingerprint: see `delf_verify.features.Extractor`.
    """

    def __init__(self, config: SiftConfig | None = None) -> None:
        self.config = config or SiftConfig()
        settings = json.dumps({"version": _VERSION, **asdict(self.config)}, sort_keys=True)
        self.fingerprint = f"rootsift-v{_VERSION}-{hashlib.sha256(settings.encode()).hexdigest()[:16]}"
        # nfeatures lets OpenCV drop weak features before it describes them. Upright, the orientations of one place
        # are merged afterwards, so more are asked for (a quarter of the places has a second one). Without precise
        # upscaling every location is 0.25 pixels off (measured on a blob with a known centre).
        wanted = self.config.max_features * (2 if self.config.upright else 1)
        self._sift: Any = cv2.SIFT_create(  # type: ignore[attr-defined]
            nfeatures=wanted, contrastThreshold=self.config.contrast_threshold, enable_precise_upscale=True
        )

    def extract(self, image: NDArray[np.uint8]) -> LocalFeatures:
        """The features of an image, strongest first.

        A place with several main gradients yields one feature for each, at the same location (Lowe, section 5).

        Args:
            image: [H, W, 3] uint8 RGB.

        Returns:
            Descriptors [N, 128]; scores are SIFT's responses (contrast), scales diameters in pixels of the image.

        Raises:
            ValueError: the array is no RGB image.
        """
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
            raise ValueError(f"an image must be [H, W, 3] uint8, got {list(image.shape)} {image.dtype}")
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        height, width = grey.shape
        grey = _reduce(grey, self.config.max_side)
        keypoints, descriptors = self._describe(grey)
        if not len(keypoints):
            return LocalFeatures.empty(_DIMENSION)
        factors = np.array([height / grey.shape[0], width / grey.shape[1]])
        locations_yx = (keypoints[:, [1, 0]] + 0.5) * factors - 0.5
        pixel_size = float(np.sqrt(factors.prod()))
        scales = keypoints[:, 2] * pixel_size
        rooted = np.sqrt(descriptors / descriptors.sum(axis=1, keepdims=True))
        return LocalFeatures(
            locations_yx=locations_yx.astype(np.float32),
            descriptors=rooted,
            scores=keypoints[:, 4].astype(np.float32),
            scales=scales.astype(np.float32),
            pixel_size=pixel_size,
        )

    def _describe(self, grey: NDArray[np.uint8]) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """Keypoints [N, 5] (x, y, diameter, angle, response), strongest first, and SIFT descriptors [N, 128]."""
        if self.config.upright:
            found = _upright(self._sift.detect(grey), self.config.max_features)
            # OpenCV's `compute` fails on a thin image even when there is nothing to compute.
            if found:
                found, descriptors = self._sift.compute(grey, found)
        else:
            found, descriptors = self._sift.detectAndCompute(grey, None)
        if not found:
            return np.zeros((0, 5)), np.zeros((0, _DIMENSION), np.float32)
        keypoints = np.array([(*p.pt, p.size, p.angle, p.response) for p in found], dtype=np.float64)
        # The whole key: OpenCV's threads may hand the features over in any order, and equal responses are common
        # (several orientations of one place).
        order = np.lexsort((*keypoints[:, :4].T, -keypoints[:, 4]))
        described = descriptors[order].sum(axis=1) > 0
        order = order[described][: self.config.max_features]
        return keypoints[order], descriptors[order]


def _reduce(grey: NDArray[np.uint8], max_side: int) -> NDArray[np.uint8]:
    height, width = grey.shape
    if max(height, width) <= max_side:
        return grey
    factor = max_side / max(height, width)
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    # Averaging over areas: other interpolations alias when they shrink, and SIFT finds the artefacts.
    return np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _upright(keypoints: list[cv2.KeyPoint], count: int) -> list[cv2.KeyPoint]:
    """The strongest places, one keypoint for each place and size, without its orientation."""
    places = {(*p.pt, p.size): p for p in keypoints}
    strongest = sorted(places.values(), key=lambda p: (-p.response, *p.pt, p.size))[:count]
    for keypoint in strongest:
        keypoint.angle = 0.0
    return strongest
