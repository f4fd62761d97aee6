"""A pair of photographs side by side, their matches drawn over them."""

import colorsys

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Points = NDArray[np.floating]

_BACKGROUND = (255, 255, 255)
_KEYPOINT = (205, 210, 218)
# OpenCV draws at whole pixels unless it is given this many fractional bits.
_SHIFT = 3
_MAX_LINES = 60


def draw_matches(
    query: Image,
    index: Image,
    query_yx: Points,
    index_yx: Points,
    inlier_mask: NDArray[np.bool_],
    *,
    height: int = 480,
    gap: int = 12,
) -> Image:
    """Two photographs side by side, their putative matches as grey dots, the inliers joined by coloured lines.

    Lines take their colour from the height in the query, so that neighbours can be told from crossings. Every inlier
    has its dots; of many inliers only some have lines, evenly from top to bottom, or the photographs would be hidden.

    Args:
        query: [H1, W1, 3] uint8 RGB.
        index: [H2, W2, 3] uint8 RGB.
        query_yx: [M, 2] float, locations of the matched features in pixels of the query.
        index_yx: [M, 2] float, those of their partners in the index image.
        inlier_mask: [M] bool.
        height: of the picture and of both photographs in it, in pixels.
        gap: white pixels between them.

    Returns:
        [height, W, 3] uint8 RGB.

    Raises:
        ValueError: the arrays of matches differ in length.
    """
    if not len(query_yx) == len(index_yx) == len(inlier_mask):
        raise ValueError(f"{len(query_yx)}, {len(index_yx)} locations and {len(inlier_mask)} marks: lengths must agree")
    (left, left_points), (right, right_points) = (
        _fit_height(picture, points, height) for picture, points in ((query, query_yx), (index, index_yx))
    )
    offset = left.shape[1] + gap
    canvas = np.full((height, offset + right.shape[1], 3), _BACKGROUND, dtype=np.uint8)
    canvas[:, : left.shape[1]] = left
    canvas[:, offset:] = right
    right_points = right_points + np.array([0, offset])
    for y, x in np.concatenate([left_points[~inlier_mask], right_points[~inlier_mask]]):
        _dot(canvas, y, x, 2, _KEYPOINT)
    order = np.argsort(left_points[inlier_mask][:, 0], kind="stable")
    pairs = list(zip(left_points[inlier_mask][order], right_points[inlier_mask][order], strict=True))
    colours = [_colour(start[0] / height) for start, _ in pairs]
    for place in np.unique(np.linspace(0, max(len(pairs) - 1, 0), _MAX_LINES).round().astype(int))[: len(pairs)]:
        start, end = pairs[place]
        _line(canvas, start, end, colours[place])
    radius = 3 if len(pairs) <= _MAX_LINES else 2
    for (start, end), colour in zip(pairs, colours, strict=True):
        for y, x in (start, end):
            _dot(canvas, y, x, 2 * radius - 1, (255, 255, 255))
            _dot(canvas, y, x, radius, colour)
    return canvas


def _fit_height(image: Image, points_yx: Points, height: int) -> tuple[Image, NDArray[np.float64]]:
    # A panorama must not push its partner off the screen: at most twice as wide as high.
    scale = min(height / image.shape[0], 2 * height / image.shape[1])
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    resized = cv2.resize(image, size, interpolation=interpolation)
    top = (height - size[1]) // 2
    canvas = np.full((height, size[0], 3), _BACKGROUND, dtype=np.uint8)
    canvas[top : top + size[1]] = resized
    # The centre of the top left pixel is (0, 0) before and after.
    points = (np.asarray(points_yx, dtype=np.float64).reshape(-1, 2) + 0.5) * scale - 0.5
    return canvas, points + np.array([top, 0.0])


def _colour(share: float) -> tuple[int, int, int]:
    """From warm at the top to cool at the bottom, bright enough for dark photographs."""
    red, green, blue = colorsys.hsv_to_rgb(0.09 + 0.5 * min(max(share, 0.0), 1.0), 0.85, 1.0)
    return round(255 * red), round(255 * green), round(255 * blue)


def _fixed(y: float, x: float) -> tuple[int, int]:
    return round(x * 2**_SHIFT), round(y * 2**_SHIFT)


def _dot(canvas: Image, y: float, x: float, radius: int, colour: tuple[int, int, int]) -> None:
    cv2.circle(canvas, _fixed(y, x), radius << _SHIFT, colour, cv2.FILLED, cv2.LINE_AA, _SHIFT)


def _line(canvas: Image, start: Points, end: Points, colour: tuple[int, int, int]) -> None:
    ends = _fixed(*start), _fixed(*end)
    # A dark edge keeps a bright line visible on a bright wall.
    cv2.line(canvas, *ends, (25, 28, 33), 4, cv2.LINE_AA, _SHIFT)
    cv2.line(canvas, *ends, colour, 2, cv2.LINE_AA, _SHIFT)


def encode_png(image: Image) -> bytes:
    """The image [H, W, 3] uint8 RGB as a PNG file.

    Raises:
        ValueError: OpenCV cannot encode it.
    """
    done, data = cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    if not done:
        raise ValueError(f"an image of shape {image.shape} and type {image.dtype} cannot be written as PNG")
    return data.tobytes()
