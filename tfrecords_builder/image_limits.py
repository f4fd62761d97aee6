"""What a photograph may be, and why one is refused."""

import math
from dataclasses import dataclass
from enum import StrEnum

from PIL import Image

# Pillow itself refuses images of more than twice this; larger limits of ours would be void.
_PILLOW_LIMIT = 2 * (Image.MAX_IMAGE_PIXELS or 0)


class Refusal(StrEnum):
    """Why a photograph was refused; the words of refused.csv."""

    MISSING = "missing"
    OUTSIDE = "outside"
    UNREADABLE = "unreadable"
    EMPTY = "empty"
    NOT_AN_IMAGE = "not_an_image"
    UNSUPPORTED = "unsupported"
    TRUNCATED = "truncated"
    CORRUPT = "corrupt"
    TOO_LARGE = "too_large"
    TOO_SMALL = "too_small"
    TOO_LONG = "too_long"


class ImageRefused(Exception):  # noqa: N818 - it reads as what happened
    """A photograph cannot be used.

    Attributes:
        reason: the typed reason.
        detail: one line for a person: what was seen.
    """

    def __init__(self, reason: Refusal, detail: str) -> None:
        super().__init__(f"{reason.value}: {detail}")
        self.reason = reason
        self.detail = detail

    def __reduce__(self) -> tuple[type["ImageRefused"], tuple[Refusal, str]]:
        # Exceptions are pickled by their message alone; this one travels between processes.
        return type(self), (self.reason, self.detail)


@dataclass(frozen=True, kw_only=True)
class ImageLimits:
    """What a photograph may be, so that a hostile file costs neither memory nor time.

    Attributes:
        max_pixels: width x height, from the header. 80 megapixels are 240 MB decoded.
        max_bytes: size of the file.
        min_side: shortest side in pixels.
        max_aspect: longest side divided by the shortest; 0 takes any.
    """

    max_pixels: int = 80_000_000
    max_bytes: int = 64 * 1024 * 1024
    min_side: int = 8
    max_aspect: float = 0.0

    def __post_init__(self) -> None:
        if not 1 <= self.max_pixels <= _PILLOW_LIMIT:
            raise ValueError(f"max_pixels={self.max_pixels}: choose 1 to {_PILLOW_LIMIT} (Pillow's own limit)")
        if self.max_bytes < 1:
            raise ValueError(f"max_bytes={self.max_bytes}: must be positive")
        if self.min_side < 1:
            raise ValueError(f"min_side={self.min_side}: must be at least 1 pixel")
        if self.max_aspect != 0 and not 1 <= self.max_aspect < math.inf:
            raise ValueError(f"max_aspect={self.max_aspect}: choose 0 (any) or at least 1 (longest side / shortest)")


DEFAULT_LIMITS = ImageLimits()
