"""Turns a photograph's bytes into the JPEG that a record holds."""

from dataclasses import dataclass

from tfrecords_builder.image_limits import DEFAULT_LIMITS, ImageLimits
from tfrecords_builder.images import Header, decode_image, decode_jpeg, encode_jpeg, read_header

# Start-of-frame markers of sequential Huffman coding, which every decoder reads (ITU-T T.81, table B.1).
_SEQUENTIAL = (0xC0, 0xC1)
_START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


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
    pixels = decode_image(data, limits, max_side=max_side)
    height, width = pixels.shape[:2]
    return Prepared(encoded=encode_jpeg(pixels, quality), height=height, width=width, kept=False)


def _may_keep(data: bytes, header: Header, max_side: int) -> bool:
    fits = not max_side or max(header.height, header.width) <= max_side
    is_upright_color = header.format == "JPEG" and header.mode == "RGB" and header.orientation == 1
    return fits and is_upright_color and _frame_marker(data) in _SEQUENTIAL


def _frame_marker(data: bytes) -> int | None:
    """Returns the start-of-frame marker of a JPEG, which tells how it is coded; None if there is none."""
    position = 2
    while position + 4 <= len(data) and data[position] == 0xFF:
        marker = data[position + 1]
        if marker in _START_OF_FRAME:
            return marker
        if marker == 0xFF:  # fill byte
            position += 1
            continue
        position += 2 + int.from_bytes(data[position + 2 : position + 4], "big")
    return None
