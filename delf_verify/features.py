"""Local features of one image, and what an extractor of them must offer."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]

# Locations are float32: rounding leaves a line a width of about 1e-7 of its length, and variances are squares of that.
_LINE = 1e-10


def area_of(locations_yx: FloatArray) -> float:
    """How much of an image locations [N, 2] take up, in square pixels: sqrt(det C), C their covariance.

    Proportional to the area of the ellipse of one standard deviation; 0 without locations or where all lie on a line.
    """
    if not len(locations_yx):
        return 0.0
    y, x = locations_yx.T.astype(np.float64)
    y, x = y - y.mean(), x - x.mean()
    yy, xx, yx = (float(product) / len(y) for product in (y @ y, x @ x, y @ x))
    determinant = yy * xx - yx * yx
    # det / trace^2 is about the ratio of the smaller to the larger variance.
    return float(np.sqrt(determinant)) if determinant > _LINE * (yy + xx) ** 2 else 0.0


@dataclass(frozen=True, eq=False)
class LocalFeatures:
    """The local features of one image; row i of every array describes feature i.

    Attributes:
        locations_yx: [N, 2] float32, centres (y, x) in pixels of the original image; the centre of the top left
            pixel is (0, 0).
        descriptors: [N, D] float32; every extractor of ours gives rows of unit length.
        scores: [N] float32, strength of a feature, higher is better (attention of DELF, response of SIFT).
        scales: [N] float32, size of a feature relative to the extractor's smallest one, times `pixel_size`.
        pixel_size: side of a pixel that the extractor saw, in pixels of the original image: above 1 where a large
            photograph was reduced first. How precise a location is.

    Raises:
        ValueError: the shapes do not fit together, a value is not finite, or pixel_size is not positive.
    """

    locations_yx: FloatArray
    descriptors: FloatArray
    scores: FloatArray
    scales: FloatArray
    pixel_size: float = 1.0

    def __post_init__(self) -> None:
        for name in ("locations_yx", "descriptors", "scores", "scales"):
            array = np.ascontiguousarray(getattr(self, name), dtype=np.float32)
            if not np.isfinite(array).all():
                raise ValueError(f"{name} holds a value that is not finite (NaN or infinity); check the extractor")
            object.__setattr__(self, name, array)
        if not 0 < self.pixel_size < np.inf:
            raise ValueError(f"pixel_size must be a positive number of pixels, got {self.pixel_size}")
        count = len(self.locations_yx)
        if self.locations_yx.shape != (count, 2):
            raise ValueError(f"locations_yx must have the shape [N, 2], got {list(self.locations_yx.shape)}")
        if self.descriptors.ndim != 2 or len(self.descriptors) != count:
            raise ValueError(f"descriptors must be [{count}, D] like locations_yx, got {list(self.descriptors.shape)}")
        for name in ("scores", "scales"):
            if getattr(self, name).shape != (count,):
                raise ValueError(f"{name} must be [{count}] like locations_yx, got {list(getattr(self, name).shape)}")

    @classmethod
    def empty(cls, dimension: int) -> "LocalFeatures":
        """No features at all, a normal outcome for a blank image; `dimension` is the descriptors' length."""
        none = np.zeros(0, np.float32)
        return cls(np.zeros((0, 2), np.float32), np.zeros((0, dimension), np.float32), none, none)

    def __len__(self) -> int:
        return len(self.locations_yx)

    @cached_property
    def area(self) -> float:
        """How much of the image the features take up; see `area_of`."""
        return area_of(self.locations_yx)

    def take(self, indices: NDArray[np.integer] | Sequence[int]) -> "LocalFeatures":
        """The features of the given rows, in the order given."""
        rows = np.asarray(indices, dtype=np.int64)
        return LocalFeatures(
            self.locations_yx[rows], self.descriptors[rows], self.scores[rows], self.scales[rows], self.pixel_size
        )

    def strongest(self, count: int) -> "LocalFeatures":
        """At most `count` features of the highest scores, best first; equal scores keep their order."""
        return self.take(np.argsort(-self.scores, kind="stable")[:count])


@runtime_checkable
class Extractor(Protocol):
    """Turns an image into local features.

    Attributes:
        fingerprint: names the algorithm, its version and every setting that changes its features. Features of two
            fingerprints are never compared or stored together.
    """

    @property
    def fingerprint(self) -> str:
        """See the class."""
        ...

    def extract(self, image: NDArray[np.uint8]) -> LocalFeatures:
        """The features of an image [H, W, 3] uint8 RGB; an empty `LocalFeatures` where there are none."""
        ...
