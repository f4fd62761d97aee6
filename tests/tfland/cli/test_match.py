import json
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
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


def test_the_command_scores_a_list_of_absolute_paths(
    verify_world: SimpleNamespace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    app = typer.Typer()
    app.callback()(lambda: None)
    match.register(app)
    a, same, other = (verify_world.index / f"index{name}.jpg" for name in ("20x1", "20x2", "10x1"))
    pairs, out = tmp_path / "pairs.csv", tmp_path / "scores.csv"
    pairs.write_text(f"a,b\n{a},{same}\n{a},{other}\n{a},{tmp_path / 'none.jpg'}\n")
    assert run_app(app, ["match", "--pairs", str(pairs), "--out", str(out), "--workers", "1"]) == 3
    assert "scores_refused.csv" in capsys.readouterr().err
    first, second, third = pd.read_csv(out).itertuples(index=False)
    assert first.inliers > second.inliers
    assert (first.a, first.b) == (str(a), str(same))
    assert pd.isna(third.inliers)
    assert "none.jpg,missing" in (tmp_path / "scores_refused.csv").read_text()
    confined = ["match", "--pairs", str(pairs), "--out", str(out), "--images", str(verify_world.index)]
    assert run_app(app, confined) == 2
    assert "must be a path within" in capsys.readouterr().err
