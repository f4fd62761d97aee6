"""Reads CSV files of millions of rows, with errors that name file, line and value."""

import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute

from tfrecords_builder.arrow_csv import read_well_formed

_HEADER_LINES = 1
_INT64_DIGITS = 18
_ODD = np.uint64(0x9E3779B97F4A7C15)
_READING: dict[str, Any] = {
    "dtype": str,
    "header": 0,
    "index_col": False,
    "keep_default_na": False,
    "skip_blank_lines": False,
    "encoding": "utf-8-sig",
}


def read_header(path: Path | str) -> list[str]:
    """Returns the column names of a CSV file.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is empty or not UTF-8.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no CSV file at {path}")
    try:
        with path.open("rb") as file:
            header = re.split(rb"[\r\n]", file.readline(100_000), maxsplit=1)[0].decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8 text: {error}") from error
    if not header:
        raise ValueError(f"{path} is empty: expected a header line such as id,landmark_id")
    return [column.strip().strip('"') for column in header.split(",")]


def read_columns(path: Path | str, columns: Sequence[str], *, allow_empty: bool = False) -> pd.DataFrame:
    """Returns the named columns of a CSV file as text; other columns are not kept.

    Args:
        path: the file.
        columns: the columns, which its header must name.
        allow_empty: a header without rows is a table too.

    Raises:
        OSError: the file cannot be read.
        ValueError: a column is missing, there are no rows or ones with too many fields, or the text of the columns is
            not UTF-8.
    """
    header = _checked_header(path, columns)
    table = read_well_formed(path, header, columns)
    if table is None:
        with _errors_of(path, header):
            table = pd.read_csv(path, names=header, **_READING)
    if table.empty and not allow_empty:
        raise ValueError(f"{path} has a header ({','.join(header)}) and no rows")
    return table[list(columns)]


def read_pieces(path: Path | str, columns: Sequence[str], *, rows: int = 200_000) -> Iterator[tuple[int, pd.DataFrame]]:
    """Yields the named columns of a CSV file as text, some rows at a time, each with the number of its first row.

    Args:
        path: the file.
        columns: the columns, which its header must name.
        rows: of a piece.

    Raises:
        OSError: the file cannot be read.
        ValueError: a column is missing, a row has too many fields, or the text is not UTF-8.
    """
    header = _checked_header(path, columns)
    start = 0
    with _errors_of(path, header), pd.read_csv(path, names=header, chunksize=rows, **_READING) as pieces:
        for piece in pieces:
            yield start, piece[list(columns)]
            start += len(piece)


def _checked_header(path: Path | str, columns: Sequence[str]) -> list[str]:
    header = read_header(path)
    missing = [column for column in columns if column not in header]
    if missing:
        raise ValueError(f"{path} has no column {', '.join(missing)}; its header is {','.join(header)}")
    if len(set(header)) != len(header):
        raise ValueError(f"{path} names a column twice: its header is {','.join(header)}")
    return header


@contextmanager
def _errors_of(path: Path | str, header: list[str]) -> Iterator[None]:
    """Makes pandas' errors and warnings ours."""
    try:
        with warnings.catch_warnings():
            # A row with more fields than the header would only be warned about, and cut.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            yield
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8 text: {error}") from error
    except pd.errors.ParserWarning as error:
        raise ValueError(f"{path}: its rows have more fields than its header {','.join(header)}") from error
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        reason = str(error).removeprefix("Error tokenizing data. C error: ").strip()
        raise ValueError(f"{path} is not a well-formed CSV file: {reason}") from error


def line_of(row: int) -> int:
    """Returns the line of a CSV file that holds row number `row` (from 0), for messages."""
    return row + _HEADER_LINES + 1


def first_bad(is_good: pd.Series | np.ndarray) -> int | None:
    """Returns the number of the first row that is not good, or None."""
    bad = ~np.asarray(is_good, dtype=bool)
    return int(bad.argmax()) if bad.any() else None


def parse_integers(path: Path | str, column: pd.Series, lines: np.ndarray | None = None) -> np.ndarray:
    """Returns a text column as int64 [N], none negative.

    Args:
        path: for the message.
        column: the texts.
        lines: line numbers of the rows, if they are not simply in order.

    Raises:
        ValueError: a value is not an integer from 0 to 10**18.
    """
    row = first_bad(column.str.fullmatch(rf"[0-9]{{1,{_INT64_DIGITS}}}").fillna(False))
    if row is not None:
        line = line_of(row) if lines is None else int(lines[row])
        raise ValueError(f"{path}, line {line}: {column.name} {column.iloc[row]!r} is not a whole number of at least 0")
    return pyarrow.compute.cast(pa.array(column, pa.large_string()), pa.int64()).to_numpy()


def surely_distinct(column: pd.Series) -> bool:
    """Returns whether it is certain that no value occurs twice; of values that differ in length it never is.

    Millions of ids of one length, as GLDv2 has them, take a tenth of the time of looking for equal ones.

    Args:
        column: text, without missing values.
    """
    texts = pa.array(column, pa.large_string())
    if isinstance(texts, pa.ChunkedArray):
        texts = texts.combine_chunks()
    if len(texts) < 2:
        return True
    _, ends, characters = texts.buffers()
    offsets = np.frombuffer(ends, np.int64)[texts.offset : texts.offset + len(texts) + 1]
    length = int(offsets[1] - offsets[0])
    if characters is None or np.any(np.diff(offsets) != length):
        return False
    words = np.zeros((len(texts), -(-length // 8) * 8), np.uint8)
    words[:, :length] = np.frombuffer(characters, np.uint8)[offsets[0] : offsets[-1]].reshape(len(texts), length)
    mixed = np.zeros(len(texts), np.uint64)
    for word in words.view(np.uint64).T:
        mixed = (mixed ^ word) * _ODD
        mixed ^= mixed >> np.uint64(32)
    mixed.sort()
    # Equal values have equal numbers; different ones may, but hardly ever do.
    return not bool(np.any(mixed[1:] == mixed[:-1]))
