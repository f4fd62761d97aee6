"""`tfland predict`: wrong options end with 2 before anything heavy is loaded."""

from pathlib import Path

import pytest

from tfland.cli.main import app
from tfrecords_builder.terminal import run_app


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--csv", "q.csv", "--images", "photos"], "which model? Give --model DIR, or --system YAML"),
        (["--model", "m", "--system", "s.yaml", "--csv", "q.csv", "--images", "p"], "which model?"),
        (["--system", "s.yaml", "--index", "i", "--shards", "x-*"], "--index and --non-landmarks go with --model"),
        (["--model", "m", "--csv", "q.csv"], "which photographs?"),
        (["--model", "m", "--csv", "q.csv", "--images", "p", "--shards", "x-*"], "which photographs?"),
        (["--model", "m", "--method", "best", "--shards", "x-*"], "method is 'best'; choose one of head, knn"),
        (["--model", "m", "--method", "knn", "--shards", "x-*"], "needs one; write it with `tfland embed`"),
        (["--model", "m", "--candidates", "0", "--shards", "x-*"], "candidates"),
    ],
)
def test_wrong_options(arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_app(app, ["predict", "--out", str(tmp_path / "p.csv"), *arguments]) == 2
    assert message in " ".join(capsys.readouterr().err.split())


def test_a_missing_system_ends_with_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["predict", "--system", str(tmp_path / "s.yaml"), "--shards", "x-*", "--out", str(tmp_path / "p.csv")]
    assert run_app(app, arguments) == 1
    assert "no configuration at" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "which photographs? Give --images DIR, or --shards"),
        (["--images", "a", "--shards", "b"], "which photographs?"),
        (["--images", "a", "--kind", "platt"], "'platt' is not one of"),
    ],
)
def test_wrong_options_of_calibrate(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call = ["calibrate", "--system", "s.yaml", "--solution", "s.csv", "--out", str(tmp_path), *arguments]
    assert run_app(app, call) == 2
    assert message in " ".join(capsys.readouterr().err.split())
