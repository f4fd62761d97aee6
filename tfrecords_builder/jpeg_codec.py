"""JPEG pixels: decoding that refuses damaged data, and encoding.

libjpeg fills in what it cannot read and only warns. simplejpeg, which carries libjpeg-turbo, hands those warnings on.
A changed bit that leaves the data well-formed cannot be noticed by any decoder: the photograph then holds wrong pixels.
"""

import cv2
import numpy as np
import simplejpeg

from tfrecords_builder.image_header import Header
from tfrecords_builder.image_limits import ImageRefused, Refusal

# What simplejpeg says of the rare sampling factors outside its table; Pillow reads those files.
_UNKNOWN_SAMPLING = "Could not determine subsampling"
_CHECK_DIVISOR = 8


def decode_jpeg(data: bytes, header: Header, divisor: int = 1) -> np.ndarray | None:
    """Returns a JPEG's pixels as stored, uint8 RGB [ceil(H / divisor), ceil(W / divisor), 3].

    None means that only Pillow can read it: its chroma is sampled in an unusual way.

    Args:
        data: of a JPEG with one or three components.
        header: of `data`.
        divisor: 1, 2, 4 or 8. Pixels that a smaller result would average away are not even computed.

    Raises:
        ImageRefused: CORRUPT where libjpeg fails or warns.
    """
    return _decode(data, header, "RGB", divisor)


def check_jpeg(data: bytes, header: Header) -> bool:
    """Reads all coefficients of a JPEG, computing as few pixels as possible.

    Returns:
        Whether it could be checked; False as for `decode_jpeg`'s None.

    Raises:
        ImageRefused: CORRUPT where libjpeg fails or warns.
    """
    return _decode(data, header, "CMYK" if header.mode == "CMYK" else "GRAY", _CHECK_DIVISOR) is not None


def encode_jpeg(image: np.ndarray, quality: int = 95) -> bytes:
    """Returns uint8 RGB [H, W, 3] as a baseline JPEG.

    Raises:
        ValueError: OpenCV cannot encode the array.
    """
    encoded, data = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not encoded:
        raise ValueError(f"an array of shape {image.shape} and type {image.dtype} cannot become a JPEG")
    return data.tobytes()


def _decode(data: bytes, header: Header, colorspace: str, divisor: int) -> np.ndarray | None:
    try:
        height, width, _, _ = simplejpeg.decode_jpeg_header(data)
        # The limits were applied to `header`; a file that tells two readers two sizes must not get past them.
        if (height, width) != (header.height, header.width):
            raise ImageRefused(
                Refusal.CORRUPT, f"JPEG: {width} x {height} pixels for libjpeg, {header.width} x {header.height} before"
            )
        least = {"min_height": -(-height // divisor), "min_width": -(-width // divisor), "min_factor": divisor}
        return simplejpeg.decode_jpeg(data, colorspace, **(least if divisor > 1 else {}))
    except ValueError as error:
        if _UNKNOWN_SAMPLING in str(error):
            return None
        raise ImageRefused(Refusal.CORRUPT, f"JPEG: {error}") from error
