"""DatumProto, in which DELF keeps arrays: PCA mean, matrix and variances (`.datum` files), descriptors within `.delf`.

    message DatumShape { repeated int64 dim = 1 [packed = true]; }
    message FloatList  { repeated float value = 1 [packed = true]; }
    message DatumProto { optional DatumShape shape = 1; oneof kind_oneof { FloatList float_list = 2; } }

(tensorflow/models, research/delf/delf/protos/datum.proto; row-major.) Later versions know integers (number 3), which no
file of local features holds and which are refused.
"""

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from delf_verify.proto_wire import (
    FIXED32,
    LENGTH,
    VARINT,
    DamagedMessage,
    Field,
    fields,
    prefixed,
    read_varint,
    write_varint,
)

SHAPE, FLOATS, INTEGERS = 1, 2, 3
_VALUE = 1
_FLOAT = 4
_MOST_DIMENSIONS = 8
# A matrix of 1024 x 1024 has 4 MiB.
_MOST_BYTES = 256 << 20


def read_datum(path: Path | str) -> NDArray[np.float32]:
    """The array of a `.datum` file.

    Raises:
        OSError: it cannot be read.
        ValueError: it holds no array of floats; the message names the file and the byte.
    """
    path = Path(path)
    data = read_limited(path, _MOST_BYTES)
    try:
        array = decode_datum(data, 0, len(data))
        if not np.isfinite(array).all():
            raise ValueError("a number is not finite")
    except ValueError as error:
        raise ValueError(f"{path} is no array of floats (DatumProto): {error}") from error
    return array


def encode_datum(array: NDArray[np.floating]) -> bytes:
    """A DatumProto, the same bytes as the authors' program writes.

    Args:
        array: of any shape; written as float32.
    """
    values = np.ascontiguousarray(array, dtype="<f4").tobytes()
    return datum_head(np.shape(array)) + values


def datum_head(shape: tuple[int, ...]) -> bytes:
    """A DatumProto up to its numbers, which end it."""
    size = _FLOAT * math.prod(shape)
    dims = b"".join(write_varint(side) for side in shape)
    packed = prefixed(_VALUE, len(dims)) + dims if dims else b""
    values = prefixed(_VALUE, size) if size else b""
    return prefixed(SHAPE, len(packed)) + packed + prefixed(FLOATS, len(values) + size) + values


def decode_datum(data: bytes, start: int, end: int) -> NDArray[np.float32]:
    """The array of the DatumProto in data[start:end], of the shape that it states.

    Raises:
        DamagedMessage: it is damaged, or shape and numbers do not fit together.
    """
    dims: list[int] = []
    # As bytes: numbers that come one by one must not become an object each.
    values = bytearray()
    for field in fields(data, start, end):
        if field.number == SHAPE:
            for side in _dims(data, field.expect(LENGTH, "the shape")):
                if len(dims) == _MOST_DIMENSIONS:
                    raise DamagedMessage(f"a shape of more than {_MOST_DIMENSIONS} sides", field.offset)
                dims.append(side)
        elif field.number == FLOATS:
            for start_of, end_of in _floats(data, field.expect(LENGTH, "the list of floats")):
                values += memoryview(data)[start_of:end_of]
        elif field.number == INTEGERS:
            raise DamagedMessage("integers, expected floats", field.offset)
    array = np.frombuffer(values, "<f4")
    if math.prod(dims) != len(array):
        raise DamagedMessage(f"{len(array)} numbers, the shape is {dims}", start)
    try:
        return array.reshape(dims)
    except ValueError as error:
        raise DamagedMessage(f"the shape {dims} is too large", start) from error


def read_limited(path: Path, most_bytes: int) -> bytes:
    """The bytes of a file.

    Raises:
        OSError: it cannot be read.
        ValueError: it is larger than any such file should be.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no file at {path}")
    with path.open("rb") as file:
        data = file.read(most_bytes + 1)
    if len(data) > most_bytes:
        raise ValueError(f"{path} has more than {most_bytes} bytes: it holds something else")
    return data


def _dims(data: bytes, shape: Field) -> Iterator[int]:
    for field in fields(data, shape.start, shape.end):
        if field.number != _VALUE:
            continue
        # Packed, or one by one: a reader has to take both.
        if field.wire_type != VARINT:
            field.expect(LENGTH, "a side")
        position = field.start
        while position < field.end:
            side, after = read_varint(data, position, field.end)
            if side >= 1 << 31:
                raise DamagedMessage(f"a side of {side}, expected one below 2^31", position)
            yield side
            position = after


def _floats(data: bytes, floats: Field) -> Iterator[tuple[int, int]]:
    """Where numbers lie: start and end of each row of them."""
    for field in fields(data, floats.start, floats.end):
        if field.number != _VALUE:
            continue
        if field.wire_type != FIXED32:
            field.expect(LENGTH, "a number")
        if (field.end - field.start) % _FLOAT:
            raise DamagedMessage(f"{field.end - field.start} bytes of floats, not a multiple of {_FLOAT}", field.offset)
        yield field.start, field.end
