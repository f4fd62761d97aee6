"""`.delf` files, in which the authors' programs keep the local features of an image.

    message DelfFeature  { optional DatumProto descriptor = 1; optional float x = 2, y = 3, scale = 4, orientation = 5,
                           strength = 6; }
    message DelfFeatures { repeated DelfFeature feature = 1; }

(tensorflow/models, research/delf/delf/protos/feature.proto and delf/python/feature_io.py.) `strength` is the attention,
`scale` the inverse of the pyramid's scale; locations are centres of receptive boxes, the centre of the top left pixel
being (0, 0). The orientation, 0 in every file that DELF writes, is not kept.

A program that writes such a file gives every feature the same layout, so it is read and written as a table; other
orders of the fields are read one by one, slower and to the same result.
"""

import struct
from array import array
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from delf_verify.datum_io import datum_head, decode_datum, read_limited
from delf_verify.features import LocalFeatures
from delf_verify.proto_wire import FIXED32, LENGTH, DamagedMessage, Field, fields, prefixed, write_varint
from tfrecords_builder.atomic import atomic_write

SUFFIX = ".delf"
# 100,000 features of 128 numbers.
_MOST_BYTES = 64 << 20
_FEATURE, _DESCRIPTOR = 1, 1
_NUMBERS = {2: "x", 3: "y", 4: "scale", 5: "orientation", 6: "strength"}
_NEEDED = ("x", "y", "scale", "strength")


def read_delf(path: Path | str) -> LocalFeatures:
    """The features of a `.delf` file.

    Returns:
        Descriptors as they are written; of no numbers where there are no features.

    Raises:
        OSError: it cannot be read.
        ValueError: it is damaged; the message names the file and the byte.
    """
    path = Path(path)
    data = read_limited(path, _MOST_BYTES)
    try:
        return decode_delf(data)
    except ValueError as error:
        raise ValueError(f"{path} is no file of DELF features: {error}") from error


def write_delf(features: LocalFeatures, path: Path | str) -> None:
    """Writes a `.delf` file, whole or not at all.

    Raises:
        OSError: it cannot be written.
        ValueError: the descriptors have no numbers.
    """
    with atomic_write(path, "wb") as file:
        file.write(encode_delf(features))


def encode_delf(features: LocalFeatures) -> bytes:
    """A DelfFeatures message, the same bytes as the authors' program writes; empty where there are no features.

    Raises:
        ValueError: the descriptors have no numbers.
    """
    if not len(features):
        return b""
    rows = np.zeros(len(features), _layout(features.descriptors.shape[1]))
    for name, value in _constants(features.descriptors.shape[1]).items():
        rows[name] = value
    rows["descriptor"], rows["strength"], rows["scale"] = features.descriptors, features.scores, features.scales
    rows["y"], rows["x"] = features.locations_yx.T
    return rows.tobytes()


def decode_delf(data: bytes) -> LocalFeatures:
    """The features of a DelfFeatures message.

    Raises:
        ValueError: it is damaged (`DamagedMessage`, with the byte), or a number is not finite.
    """
    if not data:
        return LocalFeatures.empty(0)
    rows = _as_table(data)
    if rows is None:
        return _one_by_one(data)
    return LocalFeatures(np.stack([rows["y"], rows["x"]], axis=1), rows["descriptor"], rows["strength"], rows["scale"])


def _layout(dimension: int) -> np.dtype[np.void]:
    """A feature as the authors' program writes it: keys and lengths between the numbers."""
    if dimension < 1:
        raise ValueError("descriptors of no numbers cannot be written")
    parts: list[Any] = [("head", f"V{len(_head(dimension))}"), ("descriptor", "<f4", (dimension,))]
    for number, name in _NUMBERS.items():
        parts += [(f"key {number}", "u1"), (name, "<f4")]
    return np.dtype(parts)


def _head(dimension: int) -> bytes:
    start = datum_head((dimension,))
    size = len(start) + 4 * dimension
    descriptor = prefixed(_DESCRIPTOR, size) + start
    return prefixed(_FEATURE, len(descriptor) + 4 * dimension + 5 * len(_NUMBERS)) + descriptor


def _constants(dimension: int) -> dict[str, Any]:
    keys = {f"key {number}": write_varint(number << 3 | FIXED32)[0] for number in _NUMBERS}
    return {"head": np.void(_head(dimension)), **keys}


def _as_table(data: bytes) -> NDArray[np.void] | None:
    """The features as rows of `_layout`, or None where they are laid out otherwise."""
    try:
        first = next(fields(data, 0, len(data)))
        dimension = len(_descriptor_of(data, first))
    except DamagedMessage:
        return None
    layout = _layout(dimension)
    if len(data) % layout.itemsize:
        return None
    rows = np.frombuffer(data, layout)
    return rows if all((rows[name] == value).all() for name, value in _constants(dimension).items()) else None


def _descriptor_of(data: bytes, feature: Field) -> NDArray[np.float32]:
    _check_feature(feature)
    for field in fields(data, feature.start, feature.end):
        if field.number == _DESCRIPTOR:
            return _descriptor(data, field)
    raise DamagedMessage("a feature without a descriptor", feature.offset)


def _check_feature(feature: Field) -> None:
    if feature.number != _FEATURE:
        raise DamagedMessage(f"field {feature.number}, expected features ({_FEATURE}) alone", feature.offset)
    feature.expect(LENGTH, "a feature")


def _descriptor(data: bytes, field: Field) -> NDArray[np.float32]:
    field.expect(LENGTH, "a descriptor")
    descriptor = decode_datum(data, field.start, field.end)
    if descriptor.ndim != 1 or not len(descriptor):
        raise DamagedMessage(f"a descriptor of the shape {list(descriptor.shape)}, expected [D]", field.offset)
    return descriptor


def _one_by_one(data: bytes) -> LocalFeatures:
    # Numbers are gathered as numbers: objects would take ten times the file's size.
    descriptors = array("f")
    numbers = {name: array("f") for name in _NEEDED}
    dimension = 0
    for feature in fields(data, 0, len(data)):
        _check_feature(feature)
        descriptor, found = _read_feature(data, feature)
        dimension = dimension or len(descriptor)
        if len(descriptor) != dimension:
            problem = f"a descriptor of {len(descriptor)} numbers after those of {dimension}"
            raise DamagedMessage(problem, feature.offset)
        descriptors.extend(descriptor)
        for name, values in numbers.items():
            values.append(found[name])
    x, y, scales, scores = (np.array(numbers[name], np.float32) for name in _NEEDED)
    rows = np.array(descriptors, np.float32).reshape(len(x), dimension)
    return LocalFeatures(np.stack([y, x], axis=1), rows, scores, scales)


def _read_feature(data: bytes, feature: Field) -> tuple[NDArray[np.float32], dict[str, float]]:
    descriptor, numbers = None, {}
    for field in fields(data, feature.start, feature.end):
        if field.number == _DESCRIPTOR:
            if descriptor is not None:
                raise DamagedMessage("a second descriptor of one feature", field.offset)
            descriptor = _descriptor(data, field)
        elif name := _NUMBERS.get(field.number):
            field.expect(FIXED32, name)
            (numbers[name],) = struct.unpack_from("<f", data, field.start)
    if descriptor is None:
        raise DamagedMessage("a feature without a descriptor", feature.offset)
    if missing := [name for name in _NEEDED if name not in numbers]:
        raise DamagedMessage(f"a feature without {', '.join(missing)}", feature.offset)
    return descriptor, numbers
