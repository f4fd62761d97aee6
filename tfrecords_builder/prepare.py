"""Turns a photograph's bytes into the JPEG that a record holds."""

from dataclasses import dataclass

from tfrecords_builder.image_limits import DEFAULT_LIMITS, ImageLimits
from tfrecords_builder.images import Header, decode_image, encode_jpeg, read_header
from tfrecords_builder.jpeg_codec import check_jpeg
from tfrecords_builder.jpeg_structure import read_structure
from tfrecords_builder.resizing import ResizeMode, fitted_size


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
    data: bytes,
    *,
    max_side: int = 0,
    mode: ResizeMode = ResizeMode.LONGEST,
    quality: int = 95,
    limits: ImageLimits = DEFAULT_LIMITS,
) -> Prepared:
    """Returns a photograph as an upright RGB JPEG of the size that `max_side` and `mode` give it.

    The bytes are kept, so that nothing is lost a second time, where nothing must change: a sequential colour JPEG that
    is upright, of the right size and without a fault. All else is decoded and encoded again.

    Args:
        data: the file's bytes, of any supported format.
        max_side: to which the side that `mode` names is resized, in pixels; 0 keeps the size.
        mode: see `resizing.fitted_size`.
        quality: of the new JPEG, 1 to 100.
        limits: what is refused.

    Raises:
        ImageRefused: the photograph cannot be used.
    """
    header = read_header(data, limits)
    size = header.height, header.width
    if fitted_size(*size, max_side, mode) == size and _is_plain(data, header) and check_jpeg(data, header):
        return Prepared(encoded=data, height=header.height, width=header.width, kept=True)
    pixels = decode_image(data, limits, max_side=max_side, mode=mode, header=header)
    height, width = pixels.shape[:2]
    return Prepared(encoded=encode_jpeg(pixels, quality), height=height, width=width, kept=False)


def _is_plain(data: bytes, header: Header) -> bool:
    is_upright_color = header.format == "JPEG" and header.mode == "RGB" and header.orientation == 1
    return is_upright_color and read_structure(data).is_sequential
