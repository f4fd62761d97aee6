"""64-bit perceptual hashes: near-duplicate photographs have hashes that differ in few bits.

pHash (Zauner 2010, "Implementation and benchmarking of perceptual image hash functions"): the photograph as 32 x 32
grey, its two-dimensional cosine transform, of that the 8 x 8 lowest frequencies but the constant ones (rows and columns
1 to 8), a bit for each coefficient above their median. Brightness, contrast, size and JPEG quality hardly change it.
"""

import cv2
import numpy as np

BITS = 64
_SIDE = 32
_FREQUENCIES = 8


def _cosines() -> np.ndarray:
    """Rows 1 to 8 of the cosine transform (DCT-II) of 32 numbers: float32 [8, 32]."""
    frequencies = np.arange(1, _FREQUENCIES + 1)[:, None]
    return np.cos(np.pi * frequencies * (2 * np.arange(_SIDE) + 1) / (2 * _SIDE)).astype(np.float32)


_COSINES = _cosines()
_BIT_VALUES = np.uint64(1) << np.arange(BITS, dtype=np.uint64)


def thumbnail(image: np.ndarray) -> np.ndarray:
    """Returns a photograph (uint8 RGB [H, W, 3]) as grey, 32 x 32 whatever its shape: uint8 [32, 32]."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    # Area averaging when it shrinks; a blurred copy and its original then give the same small picture.
    return cv2.resize(grey, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)


def hash_thumbnails(thumbnails: np.ndarray) -> np.ndarray:
    """Returns the hashes of small grey pictures: uint64 [N].

    Args:
        thumbnails: uint8 [N, 32, 32], from `thumbnail`.
    """
    low = _COSINES @ thumbnails.astype(np.float32) @ _COSINES.T
    coefficients = low.reshape(len(thumbnails), BITS)
    is_high = coefficients > np.median(coefficients, axis=1, keepdims=True)
    return (is_high * _BIT_VALUES).sum(axis=1, dtype=np.uint64)


def distances(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Returns in how many bits hashes differ (Hamming distance): uint8, shaped as the arguments broadcast."""
    return np.bitwise_count(first ^ second)
