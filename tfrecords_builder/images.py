"""Opens photographs of unknown origin: each becomes an upright RGB array or is refused with a typed reason.

Rules: the pixel limit is checked from the header, before anything is decoded; EXIF orientation is applied; CMYK, grey,
palette and 16-bit images become 8-bit RGB; transparency is laid over white; colour profiles (ICC) are ignored; of an
animation the first frame counts. The format is found from the bytes, never from the file's name.
"""

import io
import os
import warnings
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import ExifTags, Image

from tfrecords_builder.ids import validate_id
from tfrecords_builder.image_limits import DEFAULT_LIMITS as DEFAULT_LIMITS
from tfrecords_builder.image_limits import ImageLimits as ImageLimits
from tfrecords_builder.image_limits import ImageRefused as ImageRefused
from tfrecords_builder.image_limits import Refusal as Refusal
from tfrecords_builder.jpeg_structure import read_structure

_SIGNATURES = {b"\xff\xd8\xff": "JPEG", b"\x89PNG\r\n\x1a\n": "PNG", b"GIF8": "GIF"}
_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP")
# Known formats that are not decoded: named in the refusal so that a user knows what to convert.
_UNSUPPORTED_SIGNATURES = {
    b"II*\x00": "TIFF",
    b"MM\x00*": "TIFF",
    b"8BPS": "Photoshop",
    b"%PDF": "PDF",
    b"<svg": "SVG",
    b"<?xml": "XML or SVG",
    b"\x00\x00\x00\x0cjP  ": "JPEG 2000",
}
_HEIF_BRANDS = (b"heic", b"heix", b"mif1", b"avif")
_WHITE = (255, 255, 255)
_REDUCED = {2: cv2.IMREAD_REDUCED_COLOR_2, 4: cv2.IMREAD_REDUCED_COLOR_4, 8: cv2.IMREAD_REDUCED_COLOR_8}


@dataclass(frozen=True, kw_only=True)
class Header:
    """What a photograph's first bytes say.

    Attributes:
        format: "JPEG", "PNG", "WEBP", "GIF" or "BMP".
        mode: Pillow's mode, such as "RGB", "L", "CMYK", "P", "I;16".
        height: stored height in pixels, before EXIF orientation.
        width: stored width in pixels, before EXIF orientation.
        orientation: EXIF orientation, 1 (upright) to 8; 1 if absent, broken or, for PNG, after the pixels.
    """

    format: str
    mode: str
    height: int
    width: int
    orientation: int


def locate(root: Path, image_id: str) -> Path:
    """Returns the file of a photograph below `root`: a/b/c/abc….jpg as in GLDv2, else abc….jpg.

    Raises:
        ValueError: the id cannot be a file name.
        ImageRefused: MISSING if there is none; OUTSIDE if it is a link that leads out of `root`.
    """
    validate_id(image_id)
    flat = Path(f"{image_id}.jpg")
    nested = Path(*image_id[:3], flat)
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
            data = file.read(limits.max_bytes + 1)
    except OSError as error:
        raise ImageRefused(Refusal.UNREADABLE, f"{path.name}: {error.strerror or error}") from error
    if not data:
        raise ImageRefused(Refusal.EMPTY, "0 bytes")
    return data


def read_header(data: bytes, limits: ImageLimits = DEFAULT_LIMITS) -> Header:
    """Returns what the first bytes say, having decoded nothing.

    Raises:
        ImageRefused: not an image, an unsupported format, or beyond the limits.
    """
    image = _open(data, limits)
    return Header(
        format=_format(image),
        mode=image.mode,
        height=image.height,
        width=image.width,
        orientation=_orientation(image),
    )


def decode_image(
    data: bytes, limits: ImageLimits = DEFAULT_LIMITS, *, max_side: int = 0, header: Header | None = None
) -> np.ndarray:
    """Returns an encoded photograph as uint8 RGB [H, W, 3], upright.

    Args:
        data: the file's bytes.
        limits: what is refused.
        max_side: longest side of the result in pixels; 0 keeps the size. JPEGs are then decoded at a fraction of
            their size where that loses nothing visible, which is several times faster.
        header: of `data`, where it has been read already.

    Raises:
        ImageRefused: it cannot be used.
    """
    header = header or read_header(data, limits)
    pixels = None
    if header.format == "JPEG" and header.mode in ("RGB", "L"):
        pixels = decode_jpeg(data, header, max_side)
    if pixels is None:
        pixels, orientation = _decode_any(data, limits)
    else:
        orientation = header.orientation
    if max_side:
        # The header's size decides: that of a scaled decode is rounded already.
        pixels = _resize(pixels, _fitted_size(header.height, header.width, max_side))
    return _upright(pixels, orientation)


def resize_longest_side(image: np.ndarray, max_side: int) -> np.ndarray:
    """Returns `image` (uint8 [H, W, 3]) shrunk so that its longest side is `max_side` pixels; never enlarged."""
    return _resize(image, _fitted_size(image.shape[0], image.shape[1], max_side))


def encode_jpeg(image: np.ndarray, quality: int = 95) -> bytes:
    """Returns uint8 RGB [H, W, 3] as a baseline JPEG.

    Raises:
        ValueError: OpenCV cannot encode the array.
    """
    encoded, data = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not encoded:
        raise ValueError(f"an array of shape {image.shape} and type {image.dtype} cannot become a JPEG")
    return data.tobytes()


def _open(data: bytes, limits: ImageLimits) -> Image.Image:
    try:
        with warnings.catch_warnings():
            # Large: our own limit, below, is the one that is applied. Broken EXIF: it says nothing about the pixels.
            warnings.simplefilter("ignore")
            image = Image.open(io.BytesIO(data), formats=_FORMATS)
    except Image.DecompressionBombError as error:
        raise ImageRefused(Refusal.TOO_LARGE, str(error)) from error
    except Exception as error:  # Pillow's parsers raise nearly any type on hostile bytes
        raise _unidentified(data, error) from error
    if image.width * image.height > limits.max_pixels:
        raise ImageRefused(
            Refusal.TOO_LARGE, f"{image.width} x {image.height} pixels, the limit is {limits.max_pixels}"
        )
    if min(image.width, image.height) < limits.min_side:
        raise ImageRefused(
            Refusal.TOO_SMALL, f"{image.width} x {image.height} pixels, the shortest side is {limits.min_side}"
        )
    if _format(image) == "JPEG" and not read_structure(data).is_whole:
        raise ImageRefused(Refusal.TRUNCATED, f"JPEG: no end marker in {len(data)} bytes")
    return image


def _unidentified(data: bytes, error: Exception) -> ImageRefused:
    for signature, name in _UNSUPPORTED_SIGNATURES.items():
        if data.startswith(signature):
            return ImageRefused(Refusal.UNSUPPORTED, f"{name} is not read; convert it to JPEG or PNG")
    if data[4:8] == b"ftyp" and data[8:12] in _HEIF_BRANDS:
        return ImageRefused(Refusal.UNSUPPORTED, "HEIF/AVIF is not read; convert it to JPEG or PNG")
    for signature, name in _SIGNATURES.items():
        if data.startswith(signature):
            return ImageRefused(Refusal.TRUNCATED, f"a {name} without a whole header ({len(data)} bytes)")
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return ImageRefused(Refusal.TRUNCATED, f"a WebP that is not whole ({len(data)} bytes)")
    return ImageRefused(Refusal.NOT_AN_IMAGE, f"starts with {data[:8]!r} ({type(error).__name__})")


def _format(image: Image.Image) -> str:
    # A JPEG that holds further pictures (phones, 3-D cameras) is Pillow's MPO; its first picture is a plain JPEG.
    return "JPEG" if image.format == "MPO" else str(image.format)


def _orientation(image: Image.Image) -> int:
    # PNG keeps EXIF possibly after the pixels, which are not decoded here: `_decode_any` asks again.
    exif = image.info.get("exif")
    if image.format not in ("JPEG", "MPO") and not exif:
        return 1
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # a broken EXIF block, of which any parser error may come, says nothing about the pixels
        return 1
    return orientation if orientation in range(1, 9) else 1


def decode_jpeg(data: bytes, header: Header, max_side: int = 0) -> np.ndarray | None:
    """Returns a JPEG's pixels as stored (uint8 RGB [H, W, 3]), or None where the data are broken.

    OpenCV takes about 0.6 of Pillow's time. At half the size or less it does not even compute the pixels that a
    smaller result would average away. That is used where at least twice `max_side` remains: the difference from the
    full decode is then smaller than what a JPEG of quality 95 loses (45 against 39 dB PSNR on 90 photographs).

    Args:
        data: of a JPEG with one or three components.
        header: of `data`.
        max_side: longest side that the caller will shrink the result to; 0 decodes in full.
    """
    flag = cv2.IMREAD_COLOR
    longest = max(header.height, header.width)
    for divisor, reduced in _REDUCED.items():
        if max_side and longest // divisor >= 2 * max_side:
            flag = reduced
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flag | cv2.IMREAD_IGNORE_ORIENTATION)
    return None if pixels is None else cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)


def _decode_any(data: bytes, limits: ImageLimits) -> tuple[np.ndarray, int]:
    image = _open(data, limits)
    try:
        image.load()
        pixels = _to_rgb(image)
    except ImageRefused:
        raise
    except Exception as error:  # Pillow's decoders raise nearly any type on hostile bytes
        truncated = "truncated" in str(error) or isinstance(error, EOFError)
        reason = Refusal.TRUNCATED if truncated else Refusal.CORRUPT
        raise ImageRefused(reason, f"{_format(image)}: {error or type(error).__name__}") from error
    return pixels, _orientation(image)


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


def _fitted_size(height: int, width: int, max_side: int) -> tuple[int, int]:
    factor = min(1.0, max_side / max(height, width))
    return max(1, round(height * factor)), max(1, round(width * factor))


def _resize(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    if image.shape[:2] == size:
        return image
    # Area averaging is the one OpenCV filter that does not alias when it shrinks.
    return cv2.resize(image, size[::-1], interpolation=cv2.INTER_AREA)


def _upright(image: np.ndarray, orientation: int) -> np.ndarray:
    """Undoes EXIF orientation (CIPA DC-008, tag 0x0112): values 5-8 swap the axes, then flips follow."""
    if orientation >= 5:
        image = image.transpose(1, 0, 2)
    if orientation in (2, 3, 6, 7):
        image = image[:, ::-1]
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    return np.ascontiguousarray(image)
