"""What the first bytes of a photograph say: format, size, orientation; and what is refused on their account."""

import io
import warnings
from dataclasses import dataclass

from PIL import ExifTags, Image

from tfrecords_builder.image_limits import DEFAULT_LIMITS, ImageLimits, ImageRefused, Refusal
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
# Each scan of a progressive JPEG runs over the whole picture: a few bytes cost seconds. Encoders write about ten.
_MAX_SCANS = 64


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


def read_header(data: bytes, limits: ImageLimits = DEFAULT_LIMITS) -> Header:
    """Returns what the first bytes say, having decoded nothing.

    Raises:
        ImageRefused: not an image, an unsupported format, or beyond the limits.
    """
    image = open_image(data, limits)
    return Header(
        format=image_format(image),
        mode=image.mode,
        height=image.height,
        width=image.width,
        orientation=image_orientation(image),
    )


def open_image(data: bytes, limits: ImageLimits) -> Image.Image:
    """Returns a photograph as Pillow opens it, within the limits and not decoded yet.

    Raises:
        ImageRefused: as for `read_header`.
    """
    try:
        with warnings.catch_warnings():
            # Large: our own limit, below, is the one that is applied. Broken EXIF: it says nothing about the pixels.
            warnings.simplefilter("ignore")
            image = Image.open(io.BytesIO(data), formats=_FORMATS)
    except Image.DecompressionBombError as error:
        raise ImageRefused(Refusal.TOO_LARGE, str(error)) from error
    except Exception as error:  # Pillow's parsers raise nearly any type on hostile bytes
        raise _unidentified(data, error) from error
    _apply_limits(image.width, image.height, limits)
    if image_format(image) == "JPEG":
        structure = read_structure(data)
        if not structure.is_whole:
            raise ImageRefused(Refusal.TRUNCATED, f"JPEG: no end marker in {len(data)} bytes")
        if structure.scans > _MAX_SCANS:
            raise ImageRefused(Refusal.TOO_LARGE, f"JPEG: {structure.scans} scans, the limit is {_MAX_SCANS}")
    return image


def _apply_limits(width: int, height: int, limits: ImageLimits) -> None:
    if width * height > limits.max_pixels:
        raise ImageRefused(Refusal.TOO_LARGE, f"{width} x {height} pixels, the limit is {limits.max_pixels}")
    if min(width, height) < limits.min_side:
        raise ImageRefused(Refusal.TOO_SMALL, f"{width} x {height} pixels, the shortest side is {limits.min_side}")
    if limits.max_aspect and max(width, height) > limits.max_aspect * min(width, height):
        raise ImageRefused(
            Refusal.TOO_LONG, f"{width} x {height} pixels, the longest side is {limits.max_aspect:g} times the shortest"
        )


def _unidentified(data: bytes, error: Exception) -> ImageRefused:
    for signature, name in _UNSUPPORTED_SIGNATURES.items():
        if data.startswith(signature):
            return ImageRefused(Refusal.UNSUPPORTED, f"{name} is not read; convert it to JPEG or PNG")
    if data[4:8] == b"ftyp" and data[8:12] in _HEIF_BRANDS:
        return ImageRefused(Refusal.UNSUPPORTED, "HEIF/AVIF is not read; convert it to JPEG or PNG")
    if "too large" in str(error):  # metadata that unpack to more than Pillow lets them
        return ImageRefused(Refusal.TOO_LARGE, str(error))
    for signature, name in _SIGNATURES.items():
        if data.startswith(signature):
            return ImageRefused(Refusal.TRUNCATED, f"a {name} without a whole header ({len(data)} bytes)")
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return ImageRefused(Refusal.TRUNCATED, f"a WebP that is not whole ({len(data)} bytes)")
    return ImageRefused(Refusal.NOT_AN_IMAGE, f"starts with {data[:8]!r} ({type(error).__name__})")


def image_format(image: Image.Image) -> str:
    """Returns the format of an opened photograph, as in `Header`."""
    # A JPEG that holds further pictures (phones, 3-D cameras) is Pillow's MPO; its first picture is a plain JPEG.
    return "JPEG" if image.format == "MPO" else str(image.format)


def image_orientation(image: Image.Image) -> int:
    """Returns the EXIF orientation of an opened photograph, as in `Header`; after decoding also that of a PNG."""
    # PNG keeps EXIF possibly after the pixels, which may not be decoded yet.
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
