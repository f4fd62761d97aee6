import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfrecords_builder.tfrecord import (
    FRAME_BYTES,
    find_offsets,
    frame_record,
    masked_crc,
    read_offsets,
    read_records,
    scan_records,
    write_offsets,
)

RECORDS = [b"first", b"", b"x" * 1000]


@pytest.fixture
def shard(tmp_path):
    path = tmp_path / "train-00000-of-00001.tfrecord"
    path.write_bytes(b"".join(map(frame_record, RECORDS)))
    return path


def test_masked_crc_of_a_published_value():
    # CRC-32C of 32 zero bytes is 0x8A9136AA (RFC 3720, B.4); mask: rotate right by 15, add 0xA282EAD8.
    crc = 0x8A9136AA
    assert masked_crc(bytes(32)) == (((crc >> 15) | (crc << 17 & 0xFFFFFFFF)) + 0xA282EAD8) % 2**32


def test_tensorflow_reads_the_file(tf, shard):
    assert list(tf.data.TFRecordDataset(str(shard)).as_numpy_iterator()) == RECORDS


def test_tensorflow_writes_the_same_bytes(tf, tmp_path, shard):
    with tf.io.TFRecordWriter(str(tmp_path / "theirs")) as writer:
        for record in RECORDS:
            writer.write(record)
    assert (tmp_path / "theirs").read_bytes() == shard.read_bytes()


def test_records_come_back_with_their_offsets(shard):
    frames = list(scan_records(shard))
    assert [frame.data for frame in frames] == RECORDS
    assert [frame.offset for frame in frames] == [0, 5 + FRAME_BYTES, 5 + 2 * FRAME_BYTES]
    assert not any(frame.problem for frame in frames)
    assert list(read_records(shard)) == RECORDS


def test_an_empty_file_has_no_records(tmp_path):
    (tmp_path / "empty").write_bytes(b"")
    assert list(scan_records(tmp_path / "empty")) == []


def test_a_flipped_data_byte_costs_one_record(shard):
    data = bytearray(shard.read_bytes())
    data[12] ^= 1
    shard.write_bytes(data)
    frames = list(scan_records(shard))
    assert [frame.problem for frame in frames] == ["the CRC of its 5 bytes of data is wrong", "", ""]
    assert [frame.data for frame in frames] == [b"", b"", RECORDS[2]]
    with pytest.raises(ValueError, match=r"byte 0: the CRC of its 5 bytes of data is wrong; build the shard again"):
        list(read_records(shard))


def test_a_flipped_length_ends_the_scan(shard):
    data = bytearray(shard.read_bytes())
    data[5 + FRAME_BYTES] ^= 1
    shard.write_bytes(data)
    assert [frame.problem for frame in scan_records(shard)] == ["", "the CRC of its length is wrong"]


@pytest.mark.parametrize("cut", [1, 4, 500, 1010, 1015])
def test_a_cut_file_is_found(shard, cut):
    shard.write_bytes(shard.read_bytes()[:-cut])
    assert [bool(frame.problem) for frame in scan_records(shard)][-1]


def test_a_huge_length_with_a_right_crc_is_not_believed(tmp_path):
    import struct

    length = struct.pack("<Q", 2**62)
    (tmp_path / "bomb").write_bytes(length + struct.pack("<I", masked_crc(length)) + bytes(100))
    (frame,) = scan_records(tmp_path / "bomb")
    assert "the file ends within a record" in frame.problem


# A busy disk can take longer than the deadline for three hundred bytes.
@settings(deadline=None)
@given(data=st.binary(max_size=300))
def test_random_bytes_are_never_records(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "random"
    path.write_bytes(data)
    frames = list(scan_records(path))
    assert not data or frames[-1].problem


def test_offsets_survive(tmp_path):
    write_offsets(tmp_path / "o.npy", [0, 21, 2**40])
    offsets = read_offsets(tmp_path / "o.npy")
    assert offsets.dtype == np.int64
    assert offsets.tolist() == [0, 21, 2**40]


@pytest.mark.parametrize("content", [np.zeros(3), np.zeros((2, 2), np.int64), np.array([{}], dtype=object)])
def test_other_arrays_are_no_offsets(tmp_path, content):
    np.save(tmp_path / "o.npy", content, allow_pickle=True)
    with pytest.raises(ValueError, match="holds no byte offsets"):
        read_offsets(tmp_path / "o.npy")


def test_a_damaged_offsets_file_is_refused(tmp_path):
    (tmp_path / "o.npy").write_bytes(b"")
    with pytest.raises(ValueError, match="holds no byte offsets"):
        read_offsets(tmp_path / "o.npy")


def test_offsets_are_found_without_reading_the_data(tmp_path):
    path = tmp_path / "shard"
    path.write_bytes(b"".join(map(frame_record, (b"a", b"", b"x" * 1000))))
    assert find_offsets(path).tolist() == [frame.offset for frame in scan_records(path)]
    path.write_bytes(b"")
    assert find_offsets(path).tolist() == []


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda data: data[:-1], "byte 17: the file ends within a record"),
        (lambda data: data[:20], "byte 17: the file ends within a record"),
        (lambda data: data[:17] + b"\x07" + data[18:], "byte 17: the CRC of its length is wrong"),
    ],
)
def test_offsets_of_a_damaged_file_are_not_guessed(tmp_path, damage, message):
    path = tmp_path / "shard"
    path.write_bytes(damage(frame_record(b"a") + frame_record(b"bc")))
    with pytest.raises(ValueError, match=message):
        find_offsets(path)
