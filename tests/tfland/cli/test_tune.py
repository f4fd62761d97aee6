import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import typer

from delf_verify.decision import load_thresholds
from delf_verify.verified_files import VERIFIED_COLUMNS, write_verified
from tfland.cli import tune
from tfrecords_builder.terminal import run_app


@pytest.fixture
def app() -> typer.Typer:
    app = typer.Typer()
    app.callback()(lambda: None)
    tune.register(app)
    return app


@pytest.fixture
def verified(tmp_path: Path) -> Path:
    inliers = np.array([2.0, 3.0, 4.0, 5.0] * 10 + [20.0, 30.0, 40.0, 50.0] * 10)
    rows = [[f"q{n}", 7, 0.9 - n / 100, "wrong", x, x / 4, 0.5, 0.5, np.nan, 4, "i", ""] for n, x in enumerate(inliers)]
    write_verified(tmp_path, pd.DataFrame(rows, columns=VERIFIED_COLUMNS))
    (tmp_path / "verify.json").write_text(json.dumps({"extractor": "sift-1"}))
    lines = [f"q{n},{'7' if x > 10 else ''},Public" for n, x in enumerate(inliers)]
    (tmp_path / "solution.csv").write_text("\n".join(["id,landmarks,Usage", *lines]) + "\n")
    return tmp_path


def test_tunes_on_a_verified_set(
    app: typer.Typer, verified: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "rule.yaml"
    arguments = ["tune", "--verified", verified, "--solution", verified / "solution.csv", "--out", out, "--folds", 4]
    assert run_app(app, [str(part) for part in arguments]) == 0
    printed = capsys.readouterr().out
    assert "in-sample: verified GAP 1.0000 [1.0000, 1.0000], precision 1.000, recall 1.000" in printed
    assert "held out (4 folds): verified GAP 1.0000" in printed
    thresholds = load_thresholds(out)
    assert 5 < thresholds.max_inliers <= 20
    assert thresholds.extractor == "sift-1"
    assert {path.name for path in tmp_path.glob("rule*")} == {
        "rule.yaml",
        "rule_sweep.csv",
        "rule_probability.csv",
        "rule_figures.csv",
        "rule_sweep.png",
        "rule_inliers.png",
        "rule_reliability.png",
    }


def test_tunes_at_a_wanted_precision(
    app: typer.Typer, verified: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "rule.yaml"
    arguments = ["tune", "--verified", verified, "--solution", verified / "solution.csv", "--out", out]
    arguments += ["--precision", 0.9, "--rule", "probability", "--folds", 4]
    assert run_app(app, [str(part) for part in arguments]) == 0
    assert "probability: confirmed from probability" in capsys.readouterr().out
    thresholds = load_thresholds(out)
    assert thresholds.confirmed_probability is not None and thresholds.query is not None
    assert run_app(app, [str(part) for part in arguments[:-4]] + ["--rule", "luck"]) == 2
    assert "rule 'luck': give one of best, inliers, probability" in capsys.readouterr().err


@pytest.mark.parametrize("given", [[], ["--verified", "d"], ["--pairs", "p", "--verified", "d", "--solution", "s"]])
def test_one_kind_of_labels(
    app: typer.Typer, tmp_path: Path, capsys: pytest.CaptureFixture[str], given: list[str]
) -> None:
    assert run_app(app, ["tune", *given, "--out", str(tmp_path / "rule.yaml")]) == 2
    assert "give either --pairs CSV, or --verified DIR with --solution CSV" in capsys.readouterr().err


def test_pairs_go_to_the_pair_tuner(app: typer.Typer, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_app(app, ["tune", "--pairs", str(tmp_path / "none.csv"), "--out", str(tmp_path / "r.yaml")]) == 1
    assert "no CSV file at" in capsys.readouterr().err
