"""`tf.train.Example` messages as bytes, without TensorFlow.

A worker that imports TensorFlow costs 800 MB and several seconds; the three message types that an Example consists
of are small enough to be written by hand. Format: https://protobuf.dev/programming-guides/encoding/ and
tensorflow/core/example/{example,feature}.proto. Tests compare both directions with TensorFlow's own classes.
"""

from collections.abc import Iterator, Mapping

# One feature's values, as in feature.proto: only what a photograph record needs (no float_list).
Values = list[bytes] | list[int]

_VARINT, _FIXED64, _LENGTH_DELIMITED, _FIXED32 = 0, 1, 2, 5
_BYTES_LIST, _FLOAT_LIST, _INT64_LIST = 1, 2, 3
_UINT64 = (1 << 64) - 1
_INT64_SIGN = 1 << 63


def encode_example(features: Mapping[str, Values]) -> bytes:
    """Returns a serialised Example; its features are sorted by name, so equal features give equal bytes.

    Args:
        features: values by feature name; a list holds only bytes or only int64 numbers. An empty list is written as
            an empty bytes_list.
    """
    entries = (
        _delimited(1, _delimited(1, name.encode()) + _delimited(2, _encode_feature(features[name])))
        for name in sorted(features)
    )
    return _delimited(1, b"".join(entries))


def decode_example(data: bytes) -> dict[str, Values]:
    """Returns the features of a serialised Example.

    Float features are left out: no record of ours has one. Fields of other versions are skipped, as protobuf does.

    Raises:
        ValueError: the bytes are no Example.
    """
    features: dict[str, Values] = {}
    for number, body in _delimited_fields(data):
        if number != 1:
            continue
        for entry_number, entry in _delimited_fields(body):
            if entry_number == 1:
                name, values = _decode_entry(entry)
                if values is not None:
                    features[name] = values
    return features


def _encode_feature(values: Values) -> bytes:
    if values and isinstance(values[0], int):
        packed = b"".join(_varint(int(value) & _UINT64) for value in values)
        return _delimited(_INT64_LIST, _delimited(1, packed))
    return _delimited(_BYTES_LIST, b"".join(_delimited(1, bytes(value)) for value in values))


def _decode_entry(entry: bytes) -> tuple[str, Values | None]:
    name, values = "", None
    for number, body in _delimited_fields(entry):
        if number == 1:
            name = body.decode()
        elif number == 2:
            values = _decode_feature(body)
    return name, values


def _decode_feature(body: bytes) -> Values | None:
    values: Values | None = []
    for kind, content in _delimited_fields(body):
        if kind == _BYTES_LIST:
            values = [value for number, value in _delimited_fields(content) if number == 1]
        elif kind == _INT64_LIST:
            values = _decode_int64_list(content)
        elif kind == _FLOAT_LIST:
            values = None
    return values


def _decode_int64_list(content: bytes) -> list[int]:
    values: list[int] = []
    for number, wire_type, value in _fields(content):
        if number != 1:
            continue
        if wire_type == _VARINT and isinstance(value, int):
            values.append(_signed(value))
        elif isinstance(value, bytes):
            position = 0
            while position < len(value):
                number_read, position = _read_varint(value, position)
                values.append(_signed(number_read))
    return values


def _delimited_fields(data: bytes) -> Iterator[tuple[int, bytes]]:
    for number, _, value in _fields(data):
        if isinstance(value, bytes):
            yield number, value


def _fields(data: bytes) -> Iterator[tuple[int, int, int | bytes]]:
    """Yields (field number, wire type, value) of one message; the value is a number for varints, else bytes."""
    position = 0
    while position < len(data):
        key, position = _read_varint(data, position)
        number, wire_type = key >> 3, key & 7
        if wire_type == _VARINT:
            value, position = _read_varint(data, position)
            yield number, wire_type, value
            continue
        if wire_type == _LENGTH_DELIMITED:
            length, position = _read_varint(data, position)
        elif wire_type in (_FIXED64, _FIXED32):
            length = 8 if wire_type == _FIXED64 else 4
        else:
            raise ValueError(f"not an Example: wire type {wire_type} at byte {position}")
        if position + length > len(data):
            raise ValueError(f"not an Example: field {number} claims {length} bytes, {len(data) - position} left")
        content = data[position : position + length]
        position += length
        # Fixed-width fields belong to other message versions; only their length matters here.
        if wire_type == _LENGTH_DELIMITED:
            yield number, wire_type, content


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def _read_varint(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if position >= len(data) or shift > 63:
            raise ValueError(f"not an Example: broken number at byte {position}")
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & _UINT64, position
        shift += 7


def _signed(value: int) -> int:
    return value - (1 << 64) if value & _INT64_SIGN else value


def _delimited(number: int, body: bytes) -> bytes:
    return _varint(number << 3 | _LENGTH_DELIMITED) + _varint(len(body)) + body
