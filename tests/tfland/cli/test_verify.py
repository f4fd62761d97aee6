from pathlib import Path
from types import SimpleNamespace

import pytest
import typer

from tfland.cli import verify
from tfrecords_builder.terminal import CONTEXT_SETTINGS, run_app


def test_the_command_verifies(
    verify_world: SimpleNamespace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    app = typer.Typer(context_settings=CONTEXT_SETTINGS)
    app.callback()(lambda: None)
    verify.register(app)
    arguments = ["verify", "--predictions", verify_world.predictions, "--queries", verify_world.queries]
    arguments += ["--index-csv", verify_world.index_csv, "--index-images", verify_world.index]
    arguments += ["--features", "sift", "--out", tmp_path / "out", "--workers", "1"]
    assert run_app(app, [str(part) for part in arguments]) == 0
    assert "confirmed" in capsys.readouterr().out
    assert (tmp_path / "out" / "verified.csv").is_file()
    assert run_app(app, [str(part) for part in arguments if part != verify_world.predictions][:1]) == 2
