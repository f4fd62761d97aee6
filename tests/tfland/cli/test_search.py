"""`tfland search`: what it prints, what it leaves behind, and the exit codes of mistakes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from tfland.cli import search as command
from tfland.config_io import load_config
from tfrecords_builder.terminal import CONTEXT_SETTINGS, run_app


@pytest.fixture
def app() -> typer.Typer:
    application = typer.Typer(context_settings=CONTEXT_SETTINGS)
    command.register(application)
    application.command("other")(lambda: None)
    return application


@pytest.fixture
def write(make_shards: Callable[..., Path], tmp_path: Path) -> Callable[..., Path]:
    """A function that writes a search of two trainings of two epochs each."""

    def make(**values: Any) -> Path:
        shards = make_shards(train=[0, 1] * 6, validation=[0, 1, 0, 1])
        experiment = {
            "data": {"shards": str(shards), "image_size": 32, "rotation_degrees": 0},
            "model": {"backbone": "efficientnet_b0", "pooling": "average"},
            "training": {"model_dir": "unused", "epochs": 2, "batch_size": 4},
        }
        (tmp_path / "experiment.yaml").write_text(yaml.safe_dump(experiment))
        search = {
            "experiment": "experiment.yaml",
            "out": str(tmp_path / "out"),
            "sampler": "grid",
            "metric": "validation_loss",
            "space": {"schedule.learning_rate": [1e-9, 0.01]},
            **values,
        }
        (tmp_path / "search.yaml").write_text(yaml.safe_dump(search))
        return tmp_path / "search.yaml"

    return make


@pytest.mark.slow
def test_a_search_trains_and_leaves_the_best_setting(
    app: typer.Typer, write: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_app(app, ["search", "--config", str(write())]) == 0
    printed = capsys.readouterr().out
    assert "the best of 2 complete trials (2 in all)" in printed
    best = load_config(tmp_path / "out" / "best.yaml")
    assert f"schedule.learning_rate={best.schedule.learning_rate}" in printed
    assert (tmp_path / "out" / "trials" / "00001" / "metrics.json").exists()


def test_mistakes_end_with_their_exit_code(
    app: typer.Typer, write: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_app(app, ["search", "--config", str(write(space={"schedule.lr": [1]}))]) == 2
    assert "space.schedule.lr: an experiment has no such setting" in capsys.readouterr().err
    assert run_app(app, ["search", "--config", str(tmp_path / "none.yaml")]) == 1
