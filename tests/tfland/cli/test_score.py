"""`tfland score` as a user runs it."""

import json
import re
from pathlib import Path

import pytest
import typer

from tfland.cli import score
from tfrecords_builder.terminal import run_app

app = typer.Typer()
score.register(app)


@app.callback()
def _group() -> None:
    """Makes `score` a sub-command, as in the umbrella."""


def run(*arguments: str) -> int:
    return run_app(app, ["score", *arguments])


def files(folder: Path, predictions: str) -> list[str]:
    (folder / "p.csv").write_text("id,landmarks\n" + predictions)
    (folder / "s.csv").write_text("id,landmarks,Usage\na,1,Public\nb,,Public\n")
    return ["--predictions", str(folder / "p.csv"), "--solution", str(folder / "s.csv")]


def test_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*files(tmp_path, "a,1 0.5\nb,\n"), "--json") == 0
    assert json.loads(capsys.readouterr().out)["gap"] == 1.0


def test_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*files(tmp_path, "a,1 0.5\nb,1 0.9\n")) == 0
    assert re.search(
        r"^gap +0\.500000  \(0\.500000 to 1\.000000, 95% interval\)$", capsys.readouterr().out, re.MULTILINE
    )


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("a,1 0.5\na,1 0.4\n", "'a'"),
        ("a,1 0.5 7\n", "1 0.5 7"),
        ("a,1 nan\n", "nan"),
        ("z,1 0.5\n", "query 'z' is not in the solution"),
        ("../../etc/passwd,1 0.5\n", "etc/passwd"),
    ],
)
def test_bad_predictions_end_with_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], rows: str, message: str
) -> None:
    assert run(*files(tmp_path, rows)) == 2
    said = capsys.readouterr().err
    assert message in said
    assert "Traceback" not in said


def test_a_missing_file_ends_with_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = files(tmp_path, "a,1 0.5\n")
    (tmp_path / "p.csv").unlink()
    assert run(*arguments) == 1
    assert "p.csv" in capsys.readouterr().err


def test_comparison_and_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = files(tmp_path, "a,1 0.5\nb,\n")
    (tmp_path / "other.csv").write_text("id,landmarks\na,2 0.5\nb,1 0.9\n")
    further = ["--against", str(tmp_path / "other.csv"), "--out", str(tmp_path / "out"), "--resamples", "20"]
    assert run(*arguments, *further) == 0
    said = capsys.readouterr().out
    assert re.search(r"^gained +1$", said, re.MULTILINE)
    assert said.endswith(f"tables and plots: {tmp_path / 'out'}\n")
    assert (tmp_path / "out" / "changes.csv").is_file()


def test_against_without_predictions_ends_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--against", "b.csv") == 2
    assert "--against needs --predictions" in capsys.readouterr().err
