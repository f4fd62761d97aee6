"""TFRecord files without TensorFlow: length, masked CRC, data, masked CRC; and the offsets of their records.

Format: tensorflow/core/lib/io/record_writer.h; the mask is that of tensorflow/core/lib/hash/crc32c.h. Tests read the
files back with TensorFlow.
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import google_crc32c
import numpy as np

from tfrecords_builder.atomic import atomic_write

_LENGTH = struct.Struct("<Q")
_CRC = struct.Struct("<I")
_HEADER_BYTES = _LENGTH.size + _CRC.size
FRAME_BYTES = _HEADER_BYTES + _CRC.size
_MASK_DELTA = 0xA282EAD8
_UINT32 = 0xFFFFFFFF


@dataclass(frozen=True, kw_only=True)
class Frame:
    """One record as found in a file.

    Attributes:
        offset: of the record's first byte in the file.
        data: the record, or b"" where `problem` says why it could not be read.
        problem: "" for a sound record.
    """

    offset: int
    data: bytes
    problem: str


def frame_record(data: bytes) -> bytes:
    """Returns a record as it stands in a TFRecord file; it is FRAME_BYTES longer than the data."""
    length = _LENGTH.pack(len(data))
    return b"".join((length, _CRC.pack(masked_crc(length)), data, _CRC.pack(masked_crc(data))))


def masked_crc(data: bytes) -> int:
    """Returns the CRC-32C of `data`, rotated right by 15 bits and shifted by a constant."""
    crc = google_crc32c.value(data)
    return (((crc >> 15) | (crc << 17)) + _MASK_DELTA) & _UINT32


def scan_records(path: Path | str) -> Iterator[Frame]:
    """Yields all records of a TFRecord file, bad ones with their problem.

    A record with a wrong data CRC is passed over; after a wrong length nothing can be found, so that the scan ends
    there. No length is believed beyond the file's end.

    Raises:
        OSError: the file cannot be read.
    """
    path = Path(path)
    size = path.stat().st_size
    offset = 0
    with path.open("rb") as file:
        while offset < size:
            frame, length = _read_frame(file, offset, size - offset)
            yield frame
            if length < 0:
                return
            offset += FRAME_BYTES + length


def find_offsets(path: Path | str) -> np.ndarray:
    """Returns the byte offsets of a file's records, int64 [N], having read nothing but their lengths.

    Raises:
        OSError: the file cannot be read.
        ValueError: a length is damaged, or the file ends within a record.
    """
    path = Path(path)
    size = path.stat().st_size
    offsets: list[int] = []
    offset = 0
    with path.open("rb") as file:
        while offset < size:
            file.seek(offset)
            problem, length = _check_header(file.read(_HEADER_BYTES), size - offset)
            if problem:
                raise ValueError(f"{path}, byte {offset}: {problem}")
            offsets.append(offset)
            offset += FRAME_BYTES + length
    return np.array(offsets, np.int64)


def record_at(path: Path | str, offset: int) -> Frame:
    """Returns the record whose frame starts at byte `offset`; a bad one with its problem.

    Raises:
        OSError: the file cannot be read.
    """
    path = Path(path)
    with path.open("rb") as file:
        file.seek(offset)
        return _read_frame(file, offset, path.stat().st_size - offset)[0]


def read_records(path: Path | str) -> Iterator[bytes]:
    """Yields the data of all records.

    Raises:
        OSError: the file cannot be read.
        ValueError: a record is damaged.
    """
    for frame in scan_records(path):
        if frame.problem:
            raise ValueError(f"{path}, byte {frame.offset}: {frame.problem}; build the shard again")
        yield frame.data


def write_offsets(path: Path | str, offsets: Sequence[int]) -> None:
    """Writes the byte offsets of a shard's records, so that any record is read by its number."""
    with atomic_write(path, "wb") as file:
        np.save(file, np.array(offsets, np.int64), allow_pickle=False)


def read_offsets(path: Path | str) -> np.ndarray:
    """Returns the byte offsets of a shard's records: int64 [N].

    Raises:
        OSError: the file cannot be read.
        ValueError: it holds something else.
    """
    try:
        offsets = np.load(path, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise ValueError(f"{path} holds no byte offsets: {error}; build the shard again") from error
    if not isinstance(offsets, np.ndarray) or offsets.dtype != np.int64 or offsets.ndim != 1:
        raise ValueError(f"{path} holds no byte offsets (int64 [N]); build the shard again")
    return offsets


def _read_frame(file: IO[bytes], offset: int, left: int) -> tuple[Frame, int]:
    """Reads the frame at the file's position; its data's length is -1 where the next frame cannot be found."""
    problem, length = _check_header(file.read(_HEADER_BYTES), left)
    if problem:
        return Frame(offset=offset, data=b"", problem=problem), -1
    data, stored = file.read(length), file.read(_CRC.size)
    if _CRC.unpack(stored)[0] != masked_crc(data):
        return Frame(offset=offset, data=b"", problem=f"the CRC of its {length} bytes of data is wrong"), length
    return Frame(offset=offset, data=data, problem=""), length


def _check_header(header: bytes, left: int) -> tuple[str, int]:
    if len(header) < _HEADER_BYTES:
        return f"the file ends within a record ({len(header)} bytes of its header)", 0
    if _CRC.unpack(header[_LENGTH.size :])[0] != masked_crc(header[: _LENGTH.size]):
        return "the CRC of its length is wrong", 0
    length = _LENGTH.unpack(header[: _LENGTH.size])[0]
    if FRAME_BYTES + length > left:
        return f"the file ends within a record ({left} of {FRAME_BYTES + length} bytes)", 0
    return "", length
