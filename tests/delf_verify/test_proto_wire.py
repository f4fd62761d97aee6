import pytest

from delf_verify.proto_wire import LENGTH, VARINT, DamagedMessage, fields, prefixed, read_varint, write_varint


@pytest.mark.parametrize("number", [0, 1, 127, 128, 300, 2**32, 2**63, 2**64 - 1])
def test_varints_come_back(number: int) -> None:
    written = write_varint(number)
    assert read_varint(b"x" + written + b"y", 1, len(written) + 1) == (number, len(written) + 1)


def test_varints_of_the_documentation() -> None:
    assert write_varint(150) == b"\x96\x01"
    assert read_varint(b"\x96\x01", 0, 2) == (150, 2)
    # Not the shortest form, which readers have to take.
    assert read_varint(b"\x96\x81\x00", 0, 3) == (150, 3)


def test_fields_of_every_wire_type() -> None:
    data = b"\x08\x96\x01" + b"\x12\x02hi" + b"\x1d\x00\x00\x80\x3f" + b"\x21" + bytes(8)
    found = list(fields(data, 0, len(data)))
    assert [(field.number, field.wire_type, field.offset) for field in found] == [
        (1, 0, 0),
        (2, 2, 3),
        (3, 5, 7),
        (4, 1, 12),
    ]
    assert data[found[1].start : found[1].end] == b"hi"
    assert found[0].expect(VARINT, "a count") is found[0]
    with pytest.raises(DamagedMessage, match="byte 3: a name has wire type 2, expected 0"):
        found[1].expect(VARINT, "a name")
    assert list(fields(data, 4, 4)) == []
    assert prefixed(16, 300) == write_varint(16 << 3 | LENGTH) + b"\xac\x02"


@pytest.mark.parametrize(
    ("data", "offset", "problem"),
    [
        (b"\x08\x80", 1, "the data end within a number"),
        (b"\x08", 1, "the data end within a number"),
        (b"\x08" + b"\xff" * 10 + b"\x01", 1, "more than 64 bits"),
        (b"\x08" + b"\xff" * 9 + b"\x02", 1, "more than 64 bits"),
        (b"\x12\x05hi", 0, "field 2 takes 5 bytes, 2 are left"),
        (b"\x12\xff\xff\xff\xff\xff\xff\xff\xff\x7fhi", 0, "field 2 takes 9223372036854775807 bytes, 2 are left"),
        (b"\x0d\x00\x00", 0, "field 1 takes 4 bytes, 2 are left"),
        (b"\x09\x00\x00", 0, "field 1 takes 8 bytes, 2 are left"),
        (b"\x0b", 0, "field 1 has wire type 3"),
        (b"\x0f", 0, "field 1 has wire type 7"),
        (b"\x00\x00", 0, "field number 0"),
        (b"\x80\x80\x80\x80\x10\x00", 0, "field number 536870912, expected 1 to 536870911"),
    ],
)
def test_damage_is_told_with_its_byte(data: bytes, offset: int, problem: str) -> None:
    with pytest.raises(DamagedMessage, match=f"byte {offset}: .*{problem}") as told:
        list(fields(data, 0, len(data)))
    assert told.value.offset == offset
