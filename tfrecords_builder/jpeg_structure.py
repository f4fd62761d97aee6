"""The segments of a JPEG file, read without decoding it (ITU-T T.81, annex B)."""

from dataclasses import dataclass

_START_OF_SCAN = 0xDA
_END_OF_IMAGE = b"\xff\xd9"
# Markers that stand alone, without a length: TEM, RST0-RST7, SOI.
_BARE = frozenset({0x01, *range(0xD0, 0xD9)})
_START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
# Sequential Huffman coding (baseline and extended), which every decoder reads.
_SEQUENTIAL = frozenset({0xC0, 0xC1})


@dataclass(frozen=True, kw_only=True)
class JpegStructure:
    """How a JPEG is coded and whether its end is there.

    Attributes:
        is_sequential: sequential Huffman coding, as opposed to progressive, lossless or arithmetic.
        is_whole: an end marker follows the start of the pixels. A decoder can miss its absence: in a download that
            stopped in a preallocated file it reads the zeros that follow as pixels.
        scans: passes over the picture. Sequential coding with all components in its first scan has one: libjpeg reads
            no more of it.
    """

    is_sequential: bool
    is_whole: bool
    scans: int


def read_structure(data: bytes) -> JpegStructure:
    """Returns the structure of a JPEG's first picture; thumbnails in its metadata do not count.

    Args:
        data: the file's bytes, which start with the marker FF D8.
    """
    is_sequential, components = False, 0
    position = 2
    while (position := data.find(b"\xff", position)) >= 0 and position + 1 < len(data):
        marker = data[position + 1]
        if marker in (0x00, 0xFF):  # no marker, or a fill byte before one
            position += 1
            continue
        if marker == _START_OF_SCAN:
            # The bytes 4 of a scan's and 9 of a frame's segment count their components.
            is_all = components > 0 and data[position + 4 : position + 5] == bytes((components,))
            scans = 1 if is_sequential and is_all else _count_scans(data, position)
            is_whole = data.rfind(_END_OF_IMAGE, position) >= 0
            return JpegStructure(is_sequential=is_sequential, is_whole=is_whole, scans=scans)
        if marker in _START_OF_FRAME:
            is_sequential = marker in _SEQUENTIAL
            components = int.from_bytes(data[position + 9 : position + 10], "big")
        length = 0 if marker in _BARE else int.from_bytes(data[position + 2 : position + 4], "big")
        position += 2 + length
    return JpegStructure(is_sequential=is_sequential, is_whole=False, scans=0)


def _count_scans(data: bytes, start: int) -> int:
    """Counts the scans from the first one, at `start`, to the end marker; reads all of the data."""
    # Within the pixels FF is always followed by 00 or a restart marker: the first FF D9 is the end.
    end = data.find(_END_OF_IMAGE, start)
    return data.count(bytes((0xFF, _START_OF_SCAN)), start, end if end >= 0 else len(data))
