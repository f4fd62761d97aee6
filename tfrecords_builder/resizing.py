"""The size that a photograph gets in a record, and the filters that bring it there."""

from enum import StrEnum

import cv2
import numpy as np

# JPEGs decode faster at these fractions of their size than whole; libjpeg's other fractions take longer. By fraction:
# the decoded pixels a side that must remain for each that is kept. From there on the difference from a full decode is
# no larger than what encoding at quality 95 changes (benchmarks/README.md).
_SPARE = {8: 2.5, 4: 2.0, 2: 1.55}


class ResizeMode(StrEnum):
    """Which side of an image is made `side` pixels long."""

    LONGEST = "longest"
    SHORTEST = "shortest"
    EXACT = "exact"


def fitted_size(height: int, width: int, side: int, mode: ResizeMode = ResizeMode.LONGEST) -> tuple[int, int]:
    """Returns the (height, width) of an image of height x width pixels once it is resized.

    Args:
        height: in pixels.
        width: in pixels.
        side: in pixels; 0 keeps the size.
        mode: LONGEST and SHORTEST keep the proportions and never enlarge; EXACT stretches or shrinks to side x side.
    """
    if not side:
        return height, width
    if mode is ResizeMode.EXACT:
        return side, side
    measured = max(height, width) if mode is ResizeMode.LONGEST else min(height, width)
    factor = min(1.0, side / measured)
    return max(1, round(height * factor)), max(1, round(width * factor))


def decoding_divisor(height: int, width: int, size: tuple[int, int]) -> int:
    """Returns by how much a JPEG of height x width pixels may be reduced while it is decoded: 1, 2, 4 or 8.

    So much more than the (height, width) of `size` remains that what follows averages over the difference.
    """
    for divisor, spare in _SPARE.items():
        if height // divisor >= spare * size[0] and width // divisor >= spare * size[1]:
            return divisor
    return 1


def resize(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Returns `image` (uint8 [H, W, 3]) resized to `size`, (height, width)."""
    shrunk = min(image.shape[0], size[0]), min(image.shape[1], size[1])
    # Area averaging is the one OpenCV filter that does not alias when it shrinks; it cannot enlarge smoothly.
    if image.shape[:2] != shrunk:
        image = cv2.resize(image, shrunk[::-1], interpolation=cv2.INTER_AREA)
    if shrunk != size:
        image = cv2.resize(image, size[::-1], interpolation=cv2.INTER_LINEAR)
    return image
