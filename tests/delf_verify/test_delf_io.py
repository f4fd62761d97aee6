import struct
from pathlib import Path

import numpy as np
import pytest

from delf_verify import delf_io
from delf_verify.delf_io import decode_delf, encode_delf, read_delf, write_delf
from delf_verify.features import LocalFeatures
from delf_verify.proto_wire import DamagedMessage, prefixed

ARRAYS = ("locations_yx", "descriptors", "scores", "scales")


def assert_same(found: LocalFeatures, expected: LocalFeatures) -> None:
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))


def message(*parts: bytes) -> bytes:
    """A DelfFeatures of one feature with these fields."""
    feature = b"".join(parts)
    return prefixed(1, len(feature)) + feature


def number(field: int, value: float) -> bytes:
    return bytes([field << 3 | 5]) + struct.pack("<f", value)


# shape [2], float_list [0.6, 0.8]
DESCRIPTOR = b"\x0a\x11\x0a\x03\x0a\x01\x02\x12\x0a\x0a\x08" + struct.pack("<2f", 0.6, 0.8)
X, Y, SCALE, ORIENTATION, STRENGTH = (number(field, field / 2) for field in (2, 3, 4, 5, 6))
ONE = message(DESCRIPTOR, X, Y, SCALE, ORIENTATION, STRENGTH)


def test_one_feature_by_hand() -> None:
    features = decode_delf(ONE)
    assert features.locations_yx.tolist() == [[1.5, 1.0]]
    assert features.scales.tolist() == [2.0] and features.scores.tolist() == [3.0]
    np.testing.assert_array_equal(features.descriptors, np.float32([[0.6, 0.8]]))


@pytest.mark.parametrize(("count", "dimension"), [(1, 1), (7, 40), (30, 128), (3, 5000)])
def test_features_come_back(tmp_path: Path, make_features, count: int, dimension: int) -> None:
    features = make_features(count, dimension)
    write_delf(features, tmp_path / "a.delf")
    assert_same(read_delf(tmp_path / "a.delf"), features)


def test_no_features_are_an_empty_file(tmp_path: Path) -> None:
    write_delf(LocalFeatures.empty(40), tmp_path / "a.delf")
    assert (tmp_path / "a.delf").read_bytes() == b""
    assert len(read_delf(tmp_path / "a.delf")) == 0
    with pytest.raises(ValueError, match="descriptors of no numbers"):
        encode_delf(LocalFeatures(np.zeros((1, 2)), np.zeros((1, 0)), np.zeros(1), np.zeros(1)))


def test_a_real_file_comes_back_byte_by_byte(real_data: Path) -> None:
    path = real_data / "delf_v1/images/features/love.delf"
    data = path.read_bytes()
    features = read_delf(path)
    assert features.descriptors.shape == (546, 40)
    np.testing.assert_allclose(np.linalg.norm(features.descriptors, axis=1), 1, atol=1e-6)
    assert (features.scores >= 100).all()
    assert encode_delf(features) == data
    assert_same(delf_io._one_by_one(data), features)


@pytest.mark.parametrize(
    "data",
    [
        message(STRENGTH, Y, X, SCALE, DESCRIPTOR),
        message(DESCRIPTOR, X, Y, SCALE, STRENGTH, b"\x48\x07"),
        ONE + message(X, Y, DESCRIPTOR, SCALE, STRENGTH),
        message(number(2, 9.0), DESCRIPTOR, X, Y, SCALE, ORIENTATION, STRENGTH),
    ],
)
def test_other_orders_and_unknown_fields(data: bytes) -> None:
    features = decode_delf(data)
    for row in range(len(features)):
        assert_same(features.take([row]), decode_delf(ONE))


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (ONE[:-1], "byte 0: field 1 takes"),
        (ONE + ONE[:30], f"byte {len(ONE)}: field 1 takes"),
        (
            b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
            "byte 0: field 1 takes 18446744073709551615 bytes, 0 are left",
        ),
        (b"\x12\x00", r"byte 0: field 2, expected features \(1\) alone"),
        (b"\x08\x01", "byte 0: a feature has wire type 0, expected 2"),
        (message(X, Y, SCALE, STRENGTH), "byte 0: a feature without a descriptor"),
        (message(DESCRIPTOR, X, STRENGTH), "byte 0: a feature without y, scale"),
        (message(DESCRIPTOR, DESCRIPTOR, X, Y, SCALE, STRENGTH), "a second descriptor"),
        (message(DESCRIPTOR, b"\x10\x05", Y, SCALE, STRENGTH), "x has wire type 0, expected 5"),
        (message(b"\x0d" + bytes(4), X), "byte 2: a descriptor has wire type 5, expected 2"),
        (message(b"\x0a\x00", X), r"byte 2: a descriptor of the shape \[\]|byte 4: 0 numbers"),
        (
            ONE
            + message(
                DESCRIPTOR.replace(b"\x0a\x11", b"\x0a\x0d").replace(
                    b"\x01\x02\x12\x0a\x0a\x08", b"\x01\x01\x12\x06\x0a\x04"
                )[:-4],
                X,
                Y,
                SCALE,
                STRENGTH,
            ),
            "a descriptor of 1 numbers after those of 2",
        ),
        (message(DESCRIPTOR, number(2, float("nan")), Y, SCALE, ORIENTATION, STRENGTH), "locations_yx holds a value"),
        (message(DESCRIPTOR, number(2, float("inf")), Y, SCALE, STRENGTH), "locations_yx holds a value"),
        (b"not a message at all", "byte"),
    ],
)
def test_damage_is_told(tmp_path: Path, data: bytes, problem: str) -> None:
    (tmp_path / "a.delf").write_bytes(data)
    with pytest.raises(ValueError, match=rf"a\.delf is no file of DELF features: .*({problem})"):
        read_delf(tmp_path / "a.delf")


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delf_io, "_MOST_BYTES", 100)
    (tmp_path / "a.delf").write_bytes(ONE * 3)
    with pytest.raises(ValueError, match="has more than 100 bytes"):
        read_delf(tmp_path / "a.delf")
    with pytest.raises(FileNotFoundError, match="no file at"):
        read_delf(tmp_path / "none.delf")


def test_no_cut_and_no_changed_byte_crashes(make_features) -> None:
    """Every prefix, and random damage: features or a ValueError, never anything else."""
    data = encode_delf(make_features(3, 5))
    generator = np.random.default_rng(0)
    damaged = [data[:length] for length in range(len(data))]
    for _ in range(500):
        changed = bytearray(data)
        for place in generator.integers(0, len(data), 2):
            changed[place] = generator.integers(0, 256)
        damaged.append(bytes(changed))
    whole = len(data) // 3
    told = 0
    for one in damaged:
        try:
            features = decode_delf(one)
        except ValueError as error:
            told += isinstance(error, DamagedMessage)
        else:
            assert len(features) in (0, 1, 2, 3)
            assert len(one) % whole == 0
    assert told > len(data) - 5
