"""What a toyworld holds, and where each of its random choices comes from."""

import dataclasses
import zlib

import numpy as np

MIN_IMAGES_PER_LANDMARK = 4
MIN_SIZE_PX = 32
MAX_SIZE_PX = 2048
# Google-Landmarks-v2 numbers its 203,094 classes from 0; ours are drawn from the same range.
LANDMARK_ID_LIMIT = 203_094


@dataclasses.dataclass(frozen=True, kw_only=True)
class ToyworldConfig:
    """Settings of one toyworld; two folders with equal settings hold equal bytes.

    Attributes:
        landmarks: number of buildings in the catalogue.
        images: number of training photographs; at least 4 a landmark.
        queries: number of test queries; the validation split has half as many.
        distractor_share: share of the queries, 0 to 1, that show no landmark of the catalogue.
        size: longest side of a photograph in pixels.
        seed: non-negative; the source of every random choice.
    """

    landmarks: int = 30
    images: int = 1000
    queries: int = 300
    distractor_share: float = 0.5
    size: int = 256
    seed: int = 7

    def __post_init__(self) -> None:
        """Refuses settings that cannot be generated.

        Raises:
            ValueError: a field is out of its range; the message names it.
        """
        _check("landmarks", self.landmarks, 2, 10_000)
        _check("images", self.images, MIN_IMAGES_PER_LANDMARK * self.landmarks, 10_000_000)
        _check("queries", self.queries, 1, 10_000_000)
        _check("size", self.size, MIN_SIZE_PX, MAX_SIZE_PX)
        _check("seed", self.seed, 0, 2**63 - 1)
        if not 0.0 <= self.distractor_share <= 1.0:
            raise ValueError(f"distractor_share is a share of the queries: give 0 to 1, not {self.distractor_share}")

    @property
    def validation_queries(self) -> int:
        """Number of queries on which thresholds are tuned: half of `queries`, at least one."""
        return max(1, round(self.queries / 2))


def _check(field: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        reason = f" ({MIN_IMAGES_PER_LANDMARK} a landmark)" if field == "images" else ""
        raise ValueError(f"{field} is {value}: give at least {low}{reason} and at most {high}")


def stream(*keys: int | str) -> np.random.Generator:
    """A random generator that depends on `keys` alone.

    Args:
        *keys: what the random numbers are for, e.g. (seed, "train", 17); integers are non-negative.

    Returns:
        A generator whose numbers do not depend on what else was drawn, on the process or on the platform.
    """
    # crc32, because Python's own hash of a text changes from process to process.
    entropy = [zlib.crc32(key.encode()) if isinstance(key, str) else int(key) for key in keys]
    return np.random.default_rng(entropy)
