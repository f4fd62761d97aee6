import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from delf_verify.datum_io import decode_datum, encode_datum, read_datum
from delf_verify.proto_wire import DamagedMessage, prefixed

# The example of datum.proto, by hand: shape { dim: 3 dim: 2 } float_list { value: 1.1 ... 6.6 }
EXAMPLE = np.float32([[1.1, 2.2], [3.3, 4.4], [5.5, 6.6]])
EXAMPLE_BYTES = b"\x0a\x04\x0a\x02\x03\x02" + b"\x12\x1a\x0a\x18" + struct.pack("<6f", *EXAMPLE.flat)


def decode(data: bytes) -> np.ndarray:
    return decode_datum(data, 0, len(data))


def test_the_example_of_its_definition() -> None:
    assert encode_datum(EXAMPLE) == EXAMPLE_BYTES
    np.testing.assert_array_equal(decode(EXAMPLE_BYTES), EXAMPLE)


@pytest.mark.parametrize("shape", [(), (1,), (300,), (2, 3, 4), (0,), (0, 5)])
def test_arrays_come_back(shape: tuple[int, ...]) -> None:
    array = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    found = decode(encode_datum(array))
    assert found.shape == shape and found.dtype == np.float32
    np.testing.assert_array_equal(found, array)


def test_numbers_one_by_one_and_unknown_fields() -> None:
    """What a writer that does not pack makes, and a later version of the message."""
    values = b"".join(b"\x0d" + struct.pack("<f", number) for number in EXAMPLE.flat)
    data = b"\x12" + bytes([len(values)]) + values + b"\x0a\x04\x08\x03\x08\x02" + b"\x48\x07"
    np.testing.assert_array_equal(decode(data), EXAMPLE)


@pytest.mark.parametrize("name", ["mean", "pca_variances"])
def test_real_files(real_data: Path, name: str) -> None:
    path = real_data / f"delf_v1/parameters/delf_v1_20171026/pca/{name}.datum"
    array = read_datum(path)
    assert array.shape == (1, 1024)
    assert encode_datum(array) == path.read_bytes()
    if name == "pca_variances":
        assert (array > 0).all() and 0.1 < array.sum() <= 1


@pytest.mark.parametrize(
    ("data", "offset", "problem"),
    [
        (EXAMPLE_BYTES[:-1], 6, "takes 26 bytes, 25 are left"),
        (EXAMPLE_BYTES.replace(b"\x03\x02\x12", b"\x03\x03\x12"), 0, r"6 numbers, the shape is \[3, 3\]"),
        (EXAMPLE_BYTES[6:], 0, r"6 numbers, the shape is \[\]"),
        (b"\x0a\x02\x0a\x00" + EXAMPLE_BYTES[6:], 0, r"the shape is \[\]"),
        (b"\x08\x03" + EXAMPLE_BYTES[6:], 0, "the shape has wire type 0, expected 2"),
        (b"\x12\x05\x0a\x03abc", 2, "3 bytes of floats, not a multiple of 4"),
        (b"\x12\x09\x09" + bytes(8), 2, "a number has wire type 1, expected 2"),
        (b"\x1a\x03\x0a\x01\x05", 0, "integers, expected floats"),
        (b"\x0a\x0b\x0a\x09" + b"\x01" * 9, 0, "a shape of more than 8 sides"),
        (b"\x0a\x0b\x0a\x09" + b"\xff" * 8 + b"\x7f", 4, r"a side of .* below 2\^31"),
        (b"\x0a\x12\x0a\x10\x00" + b"\xff\xff\xff\xff\x07" * 3, 0, "too large"),
    ],
)
def test_damage_is_told_with_its_byte(data: bytes, offset: int, problem: str) -> None:
    with pytest.raises(DamagedMessage, match=f"byte {offset}: .*{problem}"):
        decode(data)


def test_bad_files_are_named(tmp_path: Path) -> None:
    path = tmp_path / "mean.datum"
    with pytest.raises(FileNotFoundError, match="no file at"):
        read_datum(path)
    path.write_bytes(EXAMPLE_BYTES[:9])
    with pytest.raises(ValueError, match=r"mean\.datum is no array of floats \(DatumProto\): byte 6: field 2 takes"):
        read_datum(path)
    path.write_bytes(encode_datum(np.float32([1, np.nan])))
    with pytest.raises(ValueError, match=r"mean\.datum .*a number is not finite"):
        read_datum(path)


def test_memory_stays_near_the_size_of_the_data() -> None:
    """A shape of a million sides, and numbers one by one: neither becomes a million objects."""
    packed = prefixed(1, 1_000_000) + b"\x01" * 1_000_000
    sides = prefixed(1, len(packed)) + packed
    numbers = prefixed(2, 640_000) + b"\x0d\x00\x00\x80\x3f" * 128_000
    for data, problem in ((sides, "more than 8 sides"), (numbers, "128000 numbers")):
        tracemalloc.start()
        with pytest.raises(DamagedMessage, match=problem):
            decode(data)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 3 * len(data) + 100_000
