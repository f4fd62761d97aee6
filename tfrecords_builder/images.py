"""Opens photographs of unknown origin: each becomes an upright RGB array or is refused with a typed reason.

Rules: the pixel limit is checked from the header, before anything is decoded; EXIF orientation is applied; CMYK, grey,
palette and 16-bit images become 8-bit RGB; transparency is laid over white; colour profiles (ICC) are ignored, as
TensorFlow's decoder does; of an animation the first frame counts. The format is found from the bytes, never from the
file's name. JPEG data that libjpeg would mend with a warning and PNG data with a wrong checksum are refused. GIF, BMP
and WebP have no checksums, and JPEGs of unusual sampling are read by Pillow, which hides libjpeg's warnings: there,
damage that leaves the structure whole gives wrong pixels, as in TensorFlow.
"""

import os
from pathlib import Path

import numpy as np
from PIL import Image

from tfrecords_builder.ids import validate_id
from tfrecords_builder.image_header import Header as Header
from tfrecords_builder.image_header import image_format, image_orientation, open_image
from tfrecords_builder.image_header import read_header as read_header
from tfrecords_builder.image_limits import DEFAULT_LIMITS as DEFAULT_LIMITS
from tfrecords_builder.image_limits import ImageLimits as ImageLimits
from tfrecords_builder.image_limits import ImageRefused as ImageRefused
from tfrecords_builder.image_limits import Refusal as Refusal
from tfrecords_builder.jpeg_codec import check_jpeg, decode_jpeg
from tfrecords_builder.jpeg_codec import encode_jpeg as encode_jpeg
from tfrecords_builder.resizing import ResizeMode, decoding_divisor, fitted_size, resize

_WHITE = (255, 255, 255)


def places_of(image_id: str) -> tuple[str, str]:
    """The paths, relative to a folder of photographs, where `locate` looks, in this order; the id is valid."""
    flat = f"{image_id}.jpg"
    return "/".join((*image_id[:3], flat)), flat


def locate(root: Path, image_id: str) -> Path:
    """Returns the file of a photograph below `root`: a/b/c/abc….jpg as in GLDv2, else abc….jpg.

    Raises:
        ValueError: the id cannot be a file name.
        ImageRefused: MISSING if there is none; OUTSIDE if it is a link that leads out of `root`.
    """
    validate_id(image_id)
    nested, flat = places_of(image_id)
    for relative in (nested, flat):
        path = root / relative
        if path.is_file():
            if not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root)):
                raise ImageRefused(Refusal.OUTSIDE, f"{relative} is a link to a file outside the image folder")
            return path
    # The folder itself is not named: refused.csv must be the same wherever the photographs lie.
    raise ImageRefused(Refusal.MISSING, f"neither {nested} nor {flat} in the image folder")


def read_image(path: Path | str, limits: ImageLimits = DEFAULT_LIMITS) -> np.ndarray:
    """Returns a photograph as uint8 RGB [H, W, 3], upright.

    Raises:
        ImageRefused: it cannot be used.
    """
    return decode_image(read_bytes(path, limits), limits)


def read_bytes(path: Path | str, limits: ImageLimits = DEFAULT_LIMITS) -> bytes:
    """Returns a photograph's bytes.

    Raises:
        ImageRefused: MISSING, EMPTY, UNREADABLE, or TOO_LARGE (checked before reading).
    """
    path = Path(path)
    try:
        # A pipe or a device would block for ever: only regular files are opened.
        if not path.is_file():
            raise ImageRefused(Refusal.MISSING, f"{path.name} is no file")
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size > limits.max_bytes:
                raise ImageRefused(Refusal.TOO_LARGE, f"{size} bytes, the limit is {limits.max_bytes}")
            # Not up to the limit: a buffer of that size would be made first.
            data = file.read(size)
    except OSError as error:
        raise ImageRefused(Refusal.UNREADABLE, f"{path.name}: {error.strerror or error}") from error
    if not data:
        raise ImageRefused(Refusal.EMPTY, "0 bytes")
    return data


def decode_image(
    data: bytes,
    limits: ImageLimits = DEFAULT_LIMITS,
    *,
    max_side: int = 0,
    mode: ResizeMode = ResizeMode.LONGEST,
    header: Header | None = None,
) -> np.ndarray:
    """Returns an encoded photograph as uint8 RGB [H, W, 3], upright.

    Args:
        data: the file's bytes.
        limits: what is refused.
        max_side: to which the side that `mode` names is resized, in pixels; 0 keeps the size. JPEGs are then decoded
            at a fraction of their size where that loses nothing visible, which is several times faster.
        mode: see `resizing.fitted_size`.
        header: of `data`, where it has been read already.

    Raises:
        ImageRefused: it cannot be used.
    """
    header = header or read_header(data, limits)
    # The header's size decides: that of a scaled decode is rounded already.
    size = fitted_size(header.height, header.width, max_side, mode)
    pixels = None
    if header.format == "JPEG":
        if header.mode == "CMYK":
            check_jpeg(data, header)
        else:
            pixels = decode_jpeg(data, header, decoding_divisor(header.height, header.width, size))
    if pixels is None:
        pixels, orientation = _decode_any(data, limits)
    else:
        orientation = header.orientation
    return _upright(resize(pixels, size), orientation)


def _decode_any(data: bytes, limits: ImageLimits) -> tuple[np.ndarray, int]:
    image = open_image(data, limits)
    try:
        if image.format == "PNG":
            # Loading passes over the checksums of the pixels; verifying uses the image up.
            image.verify()
            image = open_image(data, limits)
        image.load()
        pixels = _to_rgb(image)
    except ImageRefused:
        raise
    except Exception as error:  # Pillow's decoders raise nearly any type on hostile bytes
        truncated = "truncated" in str(error) or isinstance(error, EOFError)
        reason = Refusal.TRUNCATED if truncated else Refusal.CORRUPT
        raise ImageRefused(reason, f"{image_format(image)}: {error or type(error).__name__}") from error
    return pixels, image_orientation(image)


def _to_rgb(image: Image.Image) -> np.ndarray:
    if image.mode.startswith("I;16") or image.mode == "I":
        grey = np.asarray(image).astype(np.uint16)
        # The high byte, as Pillow and OpenCV do for 16-bit colour.
        return np.repeat((grey >> 8).astype(np.uint8)[..., None], 3, axis=-1)
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        canvas = Image.new("RGBA", layer.size, (*_WHITE, 255))
        return np.asarray(Image.alpha_composite(canvas, layer).convert("RGB"))
    return np.asarray(image.convert("RGB"))


def _upright(image: np.ndarray, orientation: int) -> np.ndarray:
    """Undoes EXIF orientation (CIPA DC-008, tag 0x0112): values 5-8 swap the axes, then flips follow."""
    if orientation >= 5:
        image = image.transpose(1, 0, 2)
    if orientation in (2, 3, 6, 7):
        image = image[:, ::-1]
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    return np.ascontiguousarray(image)
