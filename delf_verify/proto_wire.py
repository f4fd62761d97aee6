"""The wire format of protocol buffers, as far as DELF's files need it: hostile input costs no more than its own size.

https://protobuf.dev/programming-guides/encoding/. A message is a row of fields, each a key (number and wire type, a
varint) and a value. Nothing is copied or counted out in advance: a length only ever bounds a slice of the data.
"""

from collections.abc import Iterator
from typing import NamedTuple

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5
_WIDTHS = {FIXED64: 8, FIXED32: 4}
# 64 bits at 7 a byte.
_LONGEST_VARINT = 10


class DamagedMessage(ValueError):  # noqa: N818 - it reads as what happened
    """Bytes that are not the message they should be.

    Attributes:
        offset: the byte at which that shows.
    """

    def __init__(self, problem: str, offset: int) -> None:
        super().__init__(f"byte {offset}: {problem}")
        self.offset = offset


class Field(NamedTuple):
    """One field of a message.

    Attributes:
        number: its number in the message.
        wire_type: VARINT, FIXED64, LENGTH or FIXED32.
        start: first byte of its value in the data.
        end: one past the last.
        offset: byte of its key, for messages.
    """

    number: int
    wire_type: int
    start: int
    end: int
    offset: int

    def expect(self, wire_type: int, what: str) -> "Field":
        """The field itself.

        Raises:
            DamagedMessage: it has another wire type.
        """
        if self.wire_type != wire_type:
            raise DamagedMessage(f"{what} has wire type {self.wire_type}, expected {wire_type}", self.offset)
        return self


def fields(data: bytes, start: int, end: int) -> Iterator[Field]:
    """The fields of the message in data[start:end]; also those of unknown numbers.

    Raises:
        DamagedMessage: the message is cut off, or holds a wire type or number that there is not.
    """
    position = start
    while position < end:
        offset = position
        key, position = read_varint(data, position, end)
        number, wire_type = key >> 3, key & 7
        if not 0 < number < 1 << 29:
            raise DamagedMessage(f"field number {number}, expected 1 to {(1 << 29) - 1}", offset)
        if wire_type == VARINT:
            _, last = read_varint(data, position, end)
        elif wire_type == LENGTH:
            length, position = read_varint(data, position, end)
            last = position + length
        elif wire_type in _WIDTHS:
            last = position + _WIDTHS[wire_type]
        else:
            raise DamagedMessage(f"field {number} has wire type {wire_type}, which this program does not read", offset)
        if last > end:
            raise DamagedMessage(f"field {number} takes {last - position} bytes, {end - position} are left", offset)
        yield Field(number, wire_type, position, last, offset)
        position = last


def read_varint(data: bytes, start: int, end: int) -> tuple[int, int]:
    """A varint at `start` as an unsigned number of 64 bits, and the byte after it.

    Raises:
        DamagedMessage: it does not end before `end`, or has more than 64 bits.
    """
    number = 0
    for place in range(_LONGEST_VARINT):
        if start + place >= end:
            raise DamagedMessage("the data end within a number", start)
        byte = data[start + place]
        number |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            if number >= 1 << 64:
                break
            return number, start + place + 1
    raise DamagedMessage("a number of more than 64 bits", start)


def write_varint(number: int) -> bytes:
    """The shortest varint of a number >= 0."""
    written = bytearray()
    while number >= 0x80:
        written.append(number & 0x7F | 0x80)
        number >>= 7
    written.append(number)
    return bytes(written)


def prefixed(number: int, length: int) -> bytes:
    """Key and length of a field of wire type LENGTH."""
    return write_varint(number << 3 | LENGTH) + write_varint(length)
