"""`tfland index` as a user runs it."""

from pathlib import Path

import numpy as np
import pytest
import typer

from tfland.cli import index
from tfland.recognition.embeddings import Embeddings
from tfrecords_builder.terminal import run_app

app = typer.Typer()
index.register(app)


def run(*arguments: object) -> int:
    return run_app(app, ["index", *map(str, arguments)])


def save(folder: Path, rows: dict[str, int], *, fingerprint: str = "f") -> Path:
    vectors = np.array([[ord(name), 1.0] for name in rows], np.float32)
    marks = np.array(list(rows.values()), np.int64)
    Embeddings(ids=np.array(list(rows)), landmark_ids=marks, vectors=vectors, fingerprint=fingerprint).save(folder)
    return folder


def ids(folder: Path) -> str:
    return "".join(Embeddings.load(folder).ids)


def test_append_delete_restrict(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = save(tmp_path / "index", {"a": 1, "b": 1, "c": 2, "d": 3})
    assert run("append", "--index", folder, "--from", save(tmp_path / "new", {"e": 4, "f": 1})) == 0
    assert f"4 photographs before, 6 now in {folder}" in capsys.readouterr().out
    (tmp_path / "gone.csv").write_text("id\nc\nf\n")
    assert run("delete", "--index", folder, "--csv", tmp_path / "gone.csv") == 0
    assert run("delete", "--index", folder, "--landmark", 3, "--out", tmp_path / "less") == 0
    assert (ids(folder), ids(tmp_path / "less")) == ("abde", "abe")
    (tmp_path / "s.csv").write_text("id,landmarks,Usage\nq,1 70,Public\nr,,Private\nt,4,Private\n")
    assert run("restrict", "--index", folder, "--solution", tmp_path / "s.csv", "--out", tmp_path / "kept") == 0
    (tmp_path / "t.csv").write_text("id,landmark_id\nq,3\n")
    assert run("restrict", "--index", folder, "--csv", tmp_path / "t.csv") == 0
    assert (ids(tmp_path / "kept"), ids(folder)) == ("abe", "d")


def test_merge(tmp_path: Path) -> None:
    folders = [save(tmp_path / name, {one: ord(one) for one in name}) for name in ("abc", "cd", "e")]
    options = [option for folder in folders for option in ("--index", folder)]
    assert run("merge", *options, "--out", tmp_path / "all") == 0
    assert ids(tmp_path / "all") == "abcde"


def test_info(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = save(tmp_path / "index", {"a": 1, "b": 1, "c": -1})
    assert run("info", "--index", folder, "--check") == 0
    said = {line[:20].strip(): line[21:] for line in capsys.readouterr().out.splitlines()}
    assert (said["photographs"], said["landmarks"], said["without a landmark"]) == ("3", "1", "1")
    assert (said["vectors"], said["fingerprint"]) == ("2 float32", "f")
    data = bytearray((folder / "embeddings.npy").read_bytes())
    data[-1] ^= 1
    (folder / "embeddings.npy").write_bytes(data)
    assert run("info", "--index", folder) == 0
    assert run("info", "--index", folder, "--check") == 1


def test_mistakes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = save(tmp_path / "index", {"a": 1})
    other = save(tmp_path / "other", {"b": 1}, fingerprint="g")
    solution = tmp_path / "s.csv"
    solution.write_text("id,landmarks,Usage\nq,9,Public\n")
    for arguments, code, message in (
        (["append", "--index", folder, "--from", other], 2, "the index is of another model"),
        (["append", "--index", folder, "--from", folder], 2, "id 'a' is there already"),
        (["append", "--index", folder, "--from", tmp_path / "no"], 1, "holds no finished embeddings"),
        (["append", "--index", tmp_path / "no", "--from", other], 1, "no index at"),
        (["delete", "--index", folder], 2, "what to delete?"),
        (["delete", "--index", folder, "--landmark", 5], 2, "landmark 5 has no photograph"),
        (["merge", "--index", folder, "--out", tmp_path / "x"], 2, "a merge needs at least two"),
        (["restrict", "--index", folder], 2, "which landmarks?"),
        (["restrict", "--index", folder, "--solution", solution], 2, "none of 1 photographs shows"),
    ):
        assert run(*arguments) == code
        assert message in capsys.readouterr().err
    assert ids(folder) == "a"
