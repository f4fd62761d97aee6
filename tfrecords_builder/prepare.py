"""Turns a photograph's bytes into the JPEG that a record holds."""

from dataclasses import dataclass

from tfrecords_builder.image_limits import DEFAULT_LIMITS, ImageLimits
from tfrecords_builder.images import Header, decode_image, decode_jpeg, encode_jpeg, read_header
from tfrecords_builder.jpeg_structure import read_structure


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """An upright RGB JPEG.

    Attributes:
        encoded: the JPEG.
        height: in pixels.
        width: in pixels.
        kept: the bytes are the file's own.
    """

    encoded: bytes
    height: int
    width: int
    kept: bool


def prepare_jpeg(
    data: bytes, *, max_side: int = 0, quality: int = 95, limits: ImageLimits = DEFAULT_LIMITS
) -> Prepared:
    """Returns a photograph as an upright RGB JPEG whose longest side is at most `max_side`.

    The bytes are kept, so that nothing is lost a second time, where nothing must change: a sequential colour JPEG that
    is upright, small enough and decodes without an error. All else is decoded and encoded again.

    Args:
        data: the file's bytes, of any supported format.
        max_side: longest side of the result in pixels; 0 keeps the size.
        quality: of the new JPEG, 1 to 100.
        limits: what is refused.

    Raises:
        ImageRefused: the photograph cannot be used.
    """
    header = read_header(data, limits)
    if _may_keep(data, header, max_side) and decode_jpeg(data, header) is not None:
        return Prepared(encoded=data, height=header.height, width=header.width, kept=True)
    pixels = decode_image(data, limits, max_side=max_side, header=header)
    height, width = pixels.shape[:2]
    return Prepared(encoded=encode_jpeg(pixels, quality), height=height, width=width, kept=False)


def _may_keep(data: bytes, header: Header, max_side: int) -> bool:
    fits = not max_side or max(header.height, header.width) <= max_side
    is_upright_color = header.format == "JPEG" and header.mode == "RGB" and header.orientation == 1
    return fits and is_upright_color and read_structure(data).is_sequential
