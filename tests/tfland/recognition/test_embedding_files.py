"""Folders of embeddings: what is written is what is read, and bad vectors, ids and files are refused by name."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tfland.recognition.embedding_files import (
    BLOCK_ROWS,
    blocks_of,
    check_ids,
    map_vectors,
    read_about,
    read_rows,
    write_embeddings,
)


def write(folder: Path, vectors: np.ndarray, **options: Any) -> None:
    settings = {
        "ids": np.array([f"p{number}" for number in range(len(vectors))]),
        "landmark_ids": None,
        "dtype": "float32",
        **options,
    }
    ids, marks = settings.pop("ids"), settings.pop("landmark_ids")
    dimensions = vectors.shape[1]
    write_embeddings(
        folder, ids, marks, blocks_of(vectors), dimensions=dimensions, fingerprint="f", model={}, **settings
    )


@pytest.mark.parametrize("dtype", ["float16", "float32"])
@pytest.mark.parametrize("count", [1, 3, BLOCK_ROWS + 1])
def test_numpy_reads_what_was_written(tmp_path: Path, dtype: str, count: int) -> None:
    vectors = np.random.default_rng(0).normal(size=(count, 5)).astype(np.float32)
    write(tmp_path, vectors, dtype=dtype)
    read = np.load(tmp_path / "embeddings.npy")
    assert read.dtype == dtype
    assert (read == vectors.astype(dtype)).all()
    about = read_about(tmp_path)
    assert about is not None
    assert (about.rows, about.dimensions, about.dtype) == (count, 5, dtype)


def test_rows_with_and_without_landmarks(tmp_path: Path) -> None:
    write(tmp_path, np.ones((3, 2)), landmark_ids=np.array([7, -1, 900]))
    assert (tmp_path / "rows.csv").read_text() == "id,landmark_id\np0,7\np1,\np2,900\n"
    ids, marks = read_rows(tmp_path / "rows.csv")
    assert ids.tolist() == ["p0", "p1", "p2"]
    assert marks is not None
    assert marks.tolist() == [7, -1, 900]
    write(tmp_path, np.ones((3, 2)))
    assert (tmp_path / "rows.csv").read_text() == "id\np0\np1\np2\n"
    assert read_rows(tmp_path / "rows.csv")[1] is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,landmark_id\na,1\nb,x\n", "line 3: landmark_id 'x' is not a whole number"),
        ("id,landmark_id\na,1\nc,\nb,-5\n", "line 4: landmark_id '-5'"),
        ("id\na\na\n", "line 3: id 'a' is already on line 2"),
        ("id\n../a\n", "line 2: id '../a' cannot be a file name"),
        ("name\na\n", "no column id"),
        ("id\n", "no rows"),
    ],
)
def test_bad_rows(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "rows.csv").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_rows(tmp_path / "rows.csv")


@pytest.mark.parametrize(
    ("value", "dtype", "message"),
    [
        (np.nan, "float32", r"row 1 \(id 'p1'\) as float32 holds NaN or infinity"),
        (np.inf, "float32", r"row 1 \(id 'p1'\) as float32 holds NaN or infinity"),
        (70000.0, "float16", r"row 1 \(id 'p1'\) as float16 holds NaN or infinity"),
        (0.0, "float32", r"row 1 \(id 'p1'\) as float32 is a zero vector"),
        (1e-9, "float16", r"row 1 \(id 'p1'\) as float16 is a zero vector"),
    ],
)
def test_vectors_without_direction_are_refused(tmp_path: Path, value: float, dtype: str, message: str) -> None:
    vectors = np.array([[1.0, 2.0], [value, 0.0], [3.0, 4.0]])
    with pytest.raises(ValueError, match=message):
        write(tmp_path, vectors, dtype=dtype)
    assert not list(tmp_path.iterdir())


def test_the_row_of_a_later_block_is_named(tmp_path: Path) -> None:
    vectors = np.ones((BLOCK_ROWS + 3, 1))
    vectors[-1] = 0
    with pytest.raises(ValueError, match=rf"row {BLOCK_ROWS + 2} \(id 'p{BLOCK_ROWS + 2}'\)"):
        write(tmp_path, vectors)


def test_ids(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="id 'b' occurs twice"):
        write(tmp_path, np.ones((3, 1)), ids=np.array(["a", "b", "b"]))
    with pytest.raises(ValueError, match="here: id 'a,b' cannot be a file name"):
        check_ids(np.array(["c", "a,b"]), "here")
    with pytest.raises(ValueError, match="id 'long' occurs twice"):
        check_ids(np.array(["a", "long", "bc", "long"]), "here")
    with pytest.raises(ValueError, match="3 embeddings for 2 ids"):
        write(tmp_path, np.ones((3, 1)), ids=np.array(["a", "b"]))
    with pytest.raises(ValueError, match="dtype is 'float64'; give one of float16, float32"):
        write(tmp_path, np.ones((3, 1)), dtype="float64")
    assert not list(tmp_path.iterdir())


def test_damaged_descriptions(tmp_path: Path) -> None:
    assert read_about(tmp_path) is None
    write(tmp_path, np.ones((1, 1)))
    path = tmp_path / "embeddings.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, "format_version": 9}))
    with pytest.raises(ValueError, match="has format_version 9, this program reads 1"):
        read_about(tmp_path)
    path.write_text(json.dumps({**content, "colour": 1}))
    with pytest.raises(ValueError, match=r"is damaged .*colour"):
        read_about(tmp_path)
    path.write_text("[")
    with pytest.raises(ValueError, match="is not JSON"):
        read_about(tmp_path)


def test_foreign_arrays(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    with pytest.raises(FileNotFoundError, match="no embeddings at"):
        map_vectors(path)
    for bad, what in ((np.ones(3), r"float64 \[3\]"), (np.ones((2, 2), int), "int64"), (np.ones((0, 4)), r"\[0, 4\]")):
        np.save(path, bad)
        with pytest.raises(ValueError, match=what):
            map_vectors(path)
    np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match="holds no embeddings"):
        map_vectors(path)
    np.savez(tmp_path / "b.npz", a=np.ones((2, 2)), b=np.ones((2, 2)))
    (tmp_path / "b.npz").rename(path)
    with pytest.raises(ValueError, match="several arrays"):
        map_vectors(path)
    path.write_bytes(b"\x93NUMPY")
    with pytest.raises(ValueError, match="holds no embeddings"):
        map_vectors(path)
