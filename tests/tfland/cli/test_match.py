import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import typer

from tfland.cli import match
from tfrecords_builder.terminal import run_app


def test_the_command_matches_a_pair(
    verify_world: SimpleNamespace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    app = typer.Typer()
    app.callback()(lambda: None)
    match.register(app)
    pair = [str(verify_world.queries / "query20x0.jpg"), str(verify_world.index / "index20x1.jpg")]
    assert run_app(app, ["match", *pair, "--out", str(tmp_path / "match.png")]) == 0
    assert f"inliers; drawn in {tmp_path / 'match.png'}" in capsys.readouterr().out
    assert run_app(app, ["match", *pair, "--out", str(tmp_path / "match.png"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["inliers"] > 60
