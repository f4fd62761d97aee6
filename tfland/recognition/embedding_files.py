"""Embeddings on disk: one row a photograph; memory-mapped, checked, and whole or not there at all.

A folder of embeddings, which is an index too:

    embeddings.npy   [N, E] float16 or float32, NumPy: rows of unit length as `tfland embed` writes them
    rows.csv         id[,landmark_id], a line a row; an empty landmark_id is a photograph without a landmark
    embeddings.json  what made them and sha256 of both files; written last, so that a folder without it is unfinished

`fingerprint` in embeddings.json stands for the model (its weights, the size and the views of photographs that it sees):
vectors with different fingerprints cannot be compared.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tfrecords_builder import schema
from tfrecords_builder.atomic import atomic_write
from tfrecords_builder.catalog import read_ids
from tfrecords_builder.csv_table import parse_integers, read_columns, read_header, surely_distinct
from tfrecords_builder.ids import ID_PATTERN, MAX_ID_LENGTH, bad_id_message
from tfrecords_builder.json_files import read_object, write_json

EMBEDDINGS_FILE = "embeddings.npy"
ROWS_FILE = "rows.csv"
ABOUT_FILE = "embeddings.json"
DTYPES = ("float16", "float32")

_VERSION = 1
# Rows that are checked or copied at once: 16 MiB at 512 float32 numbers.
BLOCK_ROWS = 8192
_LINES_AT_ONCE = 100_000


@dataclass(frozen=True, kw_only=True)
class About:
    """The content of embeddings.json.

    Attributes:
        format_version: of the folder's layout.
        rows: N, photographs.
        dimensions: E, numbers of a vector.
        dtype: "float16" or "float32".
        fingerprint: of the model and its input, sha256; "" where it is not known.
        model: what the fingerprint is made of, for people who read it.
        job: identity of the `tfland embed` that made the folder; "" after a change.
        rows_sha256: of rows.csv.
        embeddings_sha256: of the vectors' bytes, without NumPy's header.
    """

    format_version: int = _VERSION
    rows: int
    dimensions: int
    dtype: str
    fingerprint: str
    model: Mapping[str, Any] = field(default_factory=dict)
    job: str = ""
    rows_sha256: str
    embeddings_sha256: str


def read_about(folder: Path) -> About | None:
    """Returns what embeddings.json says, or None where there is none.

    Raises:
        ValueError: it is damaged or of another version.
    """
    path = folder / ABOUT_FILE
    if not path.is_file():
        return None
    remedy = "make the embeddings again"
    content = read_object(path, remedy)
    if content.get("format_version") != _VERSION:
        version = content.get("format_version")
        raise ValueError(f"{path} has format_version {version!r}, this program reads {_VERSION}; {remedy}")
    try:
        return About(**content)
    except TypeError as error:
        raise ValueError(f"{path} is damaged ({error}); {remedy}") from error


def write_embeddings(
    folder: Path,
    ids: np.ndarray,
    landmark_ids: np.ndarray | None,
    blocks: Iterable[np.ndarray],
    *,
    dimensions: int,
    dtype: str,
    fingerprint: str,
    model: Mapping[str, Any],
    job: str = "",
) -> About:
    """Writes a folder of embeddings, some rows at a time.

    Args:
        folder: written to; embeddings.json comes last.
        ids: [N] text, all different.
        landmark_ids: [N] int, -1 without a landmark; None where nothing is known of them.
        blocks: [n, E] float arrays, N rows together.
        dimensions: E.
        dtype: of the file, "float16" or "float32".
        fingerprint: of what made them.
        model: what the fingerprint is made of.
        job: identity of the run that makes them.

    Raises:
        ValueError: an id is bad or repeated, a row is not finite in `dtype` or is zero, or the rows are not N.
        OSError: the folder cannot be written.
    """
    if dtype not in DTYPES:
        raise ValueError(f"dtype is {dtype!r}; give one of {', '.join(DTYPES)}")
    check_ids(ids, str(folder))
    digest, done = hashlib.sha256(), 0
    with atomic_write(folder / EMBEDDINGS_FILE, "wb") as file:
        header = {"descr": np.dtype(dtype).str, "fortran_order": False, "shape": (len(ids), dimensions)}
        np.lib.format.write_array_header_1_0(file, header)
        for block in blocks:
            with np.errstate(over="ignore"):  # what overflows is refused in the next line
                rows = np.ascontiguousarray(block, dtype=dtype)
            check_vectors(rows, ids[done : done + len(rows)], done, f"as {dtype}")
            data = rows.tobytes()
            digest.update(data)
            file.write(data)
            done += len(rows)
        if done != len(ids):
            raise ValueError(f"{done} embeddings for {len(ids)} ids; there must be one each")
    about = About(
        rows=len(ids),
        dimensions=dimensions,
        dtype=dtype,
        fingerprint=fingerprint,
        model=model,
        job=job,
        rows_sha256=_write_rows(folder / ROWS_FILE, ids, landmark_ids),
        embeddings_sha256=digest.hexdigest(),
    )
    write_json(folder / ABOUT_FILE, asdict(about))
    return about


def read_rows(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    """Reads which photograph each row of embeddings is.

    Args:
        path: `id` or `id,landmark_id`, ours or another program's; further columns are passed over, an empty
            landmark_id is a photograph without a landmark.

    Returns:
        ids [N] text, landmark ids [N] int64 (-1 without a landmark) or None.

    Raises:
        OSError: the file cannot be read.
        ValueError: a column is missing, an id is bad or repeated, or a landmark is no integer.
    """
    has_landmarks = schema.LANDMARK in read_header(path)
    table = read_columns(path, [schema.ID, schema.LANDMARK] if has_landmarks else [schema.ID])
    ids = np.array(read_ids(path, table), dtype=np.str_)
    if not has_landmarks:
        return ids, None
    texts = table[schema.LANDMARK].fillna("")
    landmark_ids = np.full(len(ids), schema.NO_LANDMARK_ID, np.int64)
    given = np.flatnonzero((texts != "").to_numpy())
    landmark_ids[given] = parse_integers(path, texts.iloc[given], given + 2)
    return ids, landmark_ids


def map_vectors(path: Path) -> np.ndarray:
    """Opens a .npy file of vectors without reading it: [N, E] float16, float32 or float64.

    Raises:
        FileNotFoundError: it is missing.
        ValueError: it holds something else.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no embeddings at {path}")
    try:
        vectors = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise ValueError(f"{path} holds no embeddings: {error}") from error
    if not isinstance(vectors, np.ndarray) or vectors.ndim != 2 or vectors.dtype.kind != "f" or not vectors.size:
        what = f"{vectors.dtype} {list(vectors.shape)}" if isinstance(vectors, np.ndarray) else "several arrays"
        raise ValueError(f"{path} holds {what}; embeddings are float16, float32 or float64 [N, E], a row a photograph")
    return vectors


def blocks_of(vectors: np.ndarray, rows: np.ndarray | None = None) -> Iterator[np.ndarray]:
    """Yields all or some rows of [N, E], BLOCK_ROWS at a time."""
    count = len(vectors) if rows is None else len(rows)
    for start in range(0, count, BLOCK_ROWS):
        stop = min(start + BLOCK_ROWS, count)
        yield vectors[start:stop] if rows is None else vectors[rows[start:stop]]


def check_vectors(block: np.ndarray, ids: np.ndarray, start: int, where: str) -> None:
    """Refuses vectors that have no direction.

    Args:
        block: [n, E] float.
        ids: [n] text, whose they are.
        start: number of the first row.
        where: they stand, for the message.

    Raises:
        ValueError: a row holds NaN or infinity, or is zero.
    """
    for good, problem in (
        (np.isfinite(block).all(axis=1), "holds NaN or infinity; leave it out or make it again"),
        (block.any(axis=1), "is a zero vector, which has no direction; leave it out"),
    ):
        if not good.all():
            row = int(good.argmin())
            raise ValueError(f"row {start + row} (id {str(ids[row])!r}) {where} {problem}")


def check_ids(ids: np.ndarray, name: str) -> None:
    """Refuses ids that cannot stand in a CSV or become file names, and repeated ones.

    Args:
        ids: [N] text.
        name: of what they are the ids of, for the message.

    Raises:
        ValueError: there is one; the message names the first.
    """
    texts = pd.Series(ids, dtype=str)
    good = (texts.str.fullmatch(ID_PATTERN) & (texts.str.len() <= MAX_ID_LENGTH)).to_numpy()
    if not good.all():
        raise ValueError(f"{name}: {bad_id_message(ids[good.argmin()])}")
    if surely_distinct(texts):
        return
    repeated = texts.duplicated().to_numpy()
    if repeated.any():
        raise ValueError(f"{name}: id {str(ids[repeated.argmax()])!r} occurs twice; an id may occur once")


def vectors_digest(vectors: np.ndarray) -> str:
    """sha256 of the bytes of [N, E]."""
    digest = hashlib.sha256()
    for block in blocks_of(vectors):
        digest.update(np.ascontiguousarray(block).tobytes())
    return digest.hexdigest()


def file_digest(path: Path) -> str:
    """sha256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fingerprint_of(model: Mapping[str, Any]) -> str:
    """sha256 over what a fingerprint is made of."""
    return hashlib.sha256(json.dumps(model, sort_keys=True).encode()).hexdigest()


def _write_rows(path: Path, ids: np.ndarray, landmark_ids: np.ndarray | None) -> str:
    """Writes rows.csv and returns its sha256."""
    digest = hashlib.sha256()
    with atomic_write(path, "wb") as file:
        for text in _row_texts(ids, landmark_ids):
            digest.update(text)
            file.write(text)
    return digest.hexdigest()


def _row_texts(ids: np.ndarray, landmark_ids: np.ndarray | None) -> Iterator[bytes]:
    yield (f"{schema.ID}\n" if landmark_ids is None else f"{schema.ID},{schema.LANDMARK}\n").encode()
    for start in range(0, len(ids), _LINES_AT_ONCE):
        names = ids[start : start + _LINES_AT_ONCE].tolist()
        if landmark_ids is None:
            yield "".join(f"{name}\n" for name in names).encode()
            continue
        marks = landmark_ids[start : start + _LINES_AT_ONCE].tolist()
        cells = ("" if mark == schema.NO_LANDMARK_ID else mark for mark in marks)
        yield "".join(f"{name},{cell}\n" for name, cell in zip(names, cells, strict=True)).encode()
