"""`tfland train`: what reaches the trainer, and the exit codes of mistakes."""

from pathlib import Path
from typing import Any

import pytest
import typer

from tfland.cli import train as command
from tfland.config import ExperimentConfig
from tfrecords_builder.terminal import CONTEXT_SETTINGS, run_app


@pytest.fixture
def app() -> typer.Typer:
    application = typer.Typer(context_settings=CONTEXT_SETTINGS)
    command.register(application)
    application.command("other")(lambda: None)
    return application


@pytest.fixture
def experiment(tmp_path: Path) -> Path:
    path = tmp_path / "experiment.yaml"
    path.write_text(f"data: {{shards: {tmp_path}/shards}}\ntraining: {{model_dir: {tmp_path}/model}}\n")
    return path


def test_settings_reach_the_trainer(
    app: typer.Typer, experiment: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import tfland.training

    seen: list[ExperimentConfig] = []

    def fake(config: ExperimentConfig) -> Any:
        seen.append(config)
        metrics = {"final": {"epoch": 3, "step": 9, "learning_rate": 0.1, "train_loss": 0.5, "validation_top1": 0.75}}
        return tfland.training.TrainResult(model_dir=Path("model"), metrics=metrics)

    monkeypatch.setattr(tfland.training, "train", fake)
    assert run_app(app, ["train", "--config", str(experiment), "training.epochs=3", "model.pooling=average"]) == 0
    assert (seen[0].training.epochs, seen[0].model.pooling) == (3, "average")
    assert capsys.readouterr().out == "model: train_loss 0.5000, validation_top1 0.7500\n"


def test_sigterm_has_its_exit_code(
    app: typer.Typer, experiment: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import tfland.training
    from tfland.training.interruption import Interrupted

    def fake(config: ExperimentConfig) -> Any:
        raise Interrupted("SIGTERM ended the run at step 3 of 9")

    monkeypatch.setattr(tfland.training, "train", fake)
    assert run_app(app, ["train", "--config", str(experiment)]) == 143
    assert capsys.readouterr().err == "SIGTERM ended the run at step 3 of 9\n"


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["training.epoch=3"], 2, "Did you mean: 'epochs'?"),
        (["training.epochs=0"], 2, "training.epochs is 0; give a number of at least 1"),
        (["training.epochs"], 2, "is not key=value"),
        ([], 1, "labels.csv is missing"),
    ],
)
def test_mistakes_end_with_their_exit_code(
    app: typer.Typer,
    experiment: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    code: int,
    message: str,
) -> None:
    assert run_app(app, ["train", "--config", str(experiment), *arguments]) == code
    assert message in capsys.readouterr().err


def test_a_missing_configuration_is_an_io_error(app: typer.Typer, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_app(app, ["train", "--config", "absent.yaml"]) == 1
    assert "no configuration at absent.yaml" in capsys.readouterr().err
