"""Embeddings in memory and on disk, of ours and of other programs."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tfland.recognition.embeddings import Embeddings, change_index, check_files
from tfrecords_builder.terminal import CheckFailed


def make(count: int = 4, *, seed: int = 0, prefix: str = "p", fingerprint: str = "f") -> Embeddings:
    return Embeddings(
        ids=np.array([f"{prefix}{number}" for number in range(count)]),
        landmark_ids=np.arange(count, dtype=np.int64) // 2,
        vectors=np.random.default_rng(seed).normal(size=(count, 3)).astype(np.float32),
        fingerprint=fingerprint,
        model={"weights_sha256": fingerprint},
    )


def test_a_folder_brings_everything_back(tmp_path: Path) -> None:
    made = make()
    made.save(tmp_path / "index")
    read = Embeddings.load(tmp_path / "index")
    assert isinstance(read.vectors, np.memmap)
    assert read.ids.tolist() == made.ids.tolist()
    assert read.landmark_ids is not None
    assert read.landmark_ids.tolist() == [0, 0, 1, 1]
    assert (read.vectors == made.vectors).all()
    assert (read.fingerprint, read.model) == ("f", {"weights_sha256": "f"})
    assert len(check_files(tmp_path / "index")) == 4


def test_saving_again_replaces_the_folder_and_gives_the_same_bytes(tmp_path: Path) -> None:
    make().save(tmp_path / "a")
    make(9, seed=1).save(tmp_path / "a")
    make(9, seed=1).save(tmp_path / "b")
    for name in ("embeddings.npy", "rows.csv", "embeddings.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


@pytest.mark.parametrize("dtype", ["<f2", "<f4", "<f8", ">f4"])
def test_arrays_of_other_programs(tmp_path: Path, dtype: str) -> None:
    vectors = np.array([[1.0, 2.0], [0.5, 0.25]], dtype)
    np.save(tmp_path / "q.npy", vectors)
    (tmp_path / "q.csv").write_text("id,url,landmark_id\na,http://x,5\nb,http://y,\n")
    read = Embeddings.load_arrays(tmp_path / "q.npy", tmp_path / "q.csv")
    assert (read.vectors == vectors).all()
    assert read.landmark_ids is not None
    assert read.landmark_ids.tolist() == [5, -1]
    assert read.fingerprint == ""
    read.save(tmp_path / "out")
    assert (Embeddings.load(tmp_path / "out").vectors == vectors).all()


def test_arrays_that_are_refused(tmp_path: Path) -> None:
    npy, csv = tmp_path / "q.npy", tmp_path / "q.csv"
    csv.write_text("id\na\nb\n")
    for bad, message in (
        (np.array([[1.0], [np.nan]]), r"row 1 \(id 'b'\) of .*q.npy holds NaN"),
        (np.array([[0.0], [1.0]]), r"row 0 \(id 'a'\) of .*q.npy is a zero vector"),
        (np.array([[1.0]]), "holds 1 vectors and .*q.csv 2 rows"),
    ):
        np.save(npy, bad)
        with pytest.raises(ValueError, match=message):
            Embeddings.load_arrays(npy, csv)


def test_one_photograph(tmp_path: Path) -> None:
    make(1).save(tmp_path / "one")
    assert len(Embeddings.load(tmp_path / "one")) == 1


def test_parts_that_do_not_fit() -> None:
    made = make()
    with pytest.raises(ValueError, match="3 ids, 4 landmark ids and 4 vectors do not fit together"):
        Embeddings(ids=made.ids[:3], landmark_ids=made.landmark_ids, vectors=made.vectors)
    for vectors in (np.ones(4), np.ones((4, 2), np.int64), np.ones((0, 2), np.float32)):
        with pytest.raises(ValueError, match=r"give float \[N, E\] of at least one photograph"):
            Embeddings(ids=made.ids, landmark_ids=None, vectors=vectors)


def test_an_unfinished_folder_is_not_opened(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="holds no finished embeddings"):
        Embeddings.load(tmp_path / "absent")
    make().save(tmp_path / "a")
    (tmp_path / "a" / "embeddings.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"embeddings.json is missing.*run `tfland embed`"):
        Embeddings.load(tmp_path / "a")


def test_files_of_two_folders_are_not_mixed(tmp_path: Path) -> None:
    make().save(tmp_path / "a")
    make(3, prefix="q").save(tmp_path / "b")
    rows, vectors = tmp_path / "a" / "rows.csv", tmp_path / "a" / "embeddings.npy"
    kept = rows.read_bytes()
    rows.write_bytes((tmp_path / "b" / "rows.csv").read_bytes())
    with pytest.raises(ValueError, match=r"rows.csv is not what embeddings.json describes"):
        Embeddings.load(tmp_path / "a")
    rows.write_bytes(kept)
    data = bytearray(vectors.read_bytes())
    data[-1] ^= 1
    vectors.write_bytes(data)
    with pytest.raises(CheckFailed, match=r"embeddings.npy is damaged"):
        check_files(tmp_path / "a")
    vectors.write_bytes((tmp_path / "b" / "embeddings.npy").read_bytes())
    with pytest.raises(ValueError, match=r"holds float32 \[3, 3\], not what embeddings.json says"):
        Embeddings.load(tmp_path / "a")


def test_bad_rows_do_not_touch_the_folder(tmp_path: Path) -> None:
    make().save(tmp_path / "a")
    before = (tmp_path / "a" / "embeddings.npy").read_bytes()
    bad = make(5)
    bad.vectors[3] = np.nan
    with pytest.raises(ValueError, match="row 3"):
        bad.save(tmp_path / "a")
    assert (tmp_path / "a" / "embeddings.npy").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_changes_on_disk(tmp_path: Path) -> None:
    folder = tmp_path / "index"
    make().save(folder)
    assert change_index(folder, None, lambda rows: rows.append(make(2, prefix="q"))) == (4, 6)
    assert change_index(folder, tmp_path / "new", lambda rows: rows.delete(["p0"])) == (6, 5)
    assert Embeddings.load(folder).ids.tolist() == ["p0", "p1", "p2", "p3", "q0", "q1"]
    assert Embeddings.load(tmp_path / "new").ids.tolist() == ["p1", "p2", "p3", "q0", "q1"]
    with pytest.raises(ValueError, match="new is there already"):
        change_index(folder, tmp_path / "new", lambda rows: rows)
    with pytest.raises(FileNotFoundError, match="no index at"):
        change_index(tmp_path / "absent" / "deep", None, lambda rows: rows)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["index", "new"]


def test_killed_at_every_rename_a_reader_finds_the_old_index_whole(tmp_path: Path) -> None:
    first, second = make(3, prefix="a"), make(2, prefix="b", seed=1)
    first.save(tmp_path / "index")
    second.save(tmp_path / "new")
    first.append(second).save(tmp_path / "expected")
    program = Path(__file__).with_name("killed_changes.py")
    folders = [str(tmp_path / name) for name in ("index", "new", "ended.json")]
    result = subprocess.run([sys.executable, str(program), *folders], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr[-3000:]
    *killed, last = json.loads((tmp_path / "ended.json").read_text())
    # Three files, the old folder out of the way, the new one in (and sometimes the old one back first).
    assert len(killed) >= 5
    assert killed == [[-9, "a0a1a2"]] * len(killed)
    assert last == [0, "a0a1a2b0b1"]
    for name in ("embeddings.npy", "rows.csv", "embeddings.json"):
        assert (tmp_path / "index" / name).read_bytes() == (tmp_path / "expected" / name).read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ended.json", "expected", "index", "new"]
