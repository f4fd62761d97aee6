"""`tfland train`, which is also `tfland-train`."""

import logging
from pathlib import Path
from typing import Annotated

import typer

_HELP = (
    "Trains a model from shards. Settings are key=value, stronger than the file: training.epochs=3. "
    "A killed run goes on where it was when the same command is given again. After SIGTERM, as on a machine that is "
    "taken away, it writes a checkpoint and ends with exit code 143."
)
_NO_SCORES = ("epoch", "step", "learning_rate")


def register(app: typer.Typer) -> None:
    """Adds the command to an application."""
    app.command("train", help=_HELP)(train)


def train(
    config: Annotated[Path, typer.Option(help="The experiment, a YAML file as in configs/.")],
    settings: Annotated[list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="Settings to change.")] = None,
) -> None:
    """Runs one experiment and says where its model is."""
    from tfland.config_io import load_config

    # Before TensorFlow is imported: a mistake in the configuration shows at once.
    experiment = load_config(config, settings or [])
    from tfland.training import train as train_experiment
    from tfland.training.interruption import EXIT_TERMINATED, Interrupted

    # TensorFlow's checkpoints log through absl, at level INFO, how long each of their steps took.
    logging.getLogger("absl").setLevel(logging.WARNING)
    try:
        result = train_experiment(experiment)
    except Interrupted as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(EXIT_TERMINATED) from error
    scores = [f"{name} {value:.4f}" for name, value in result.metrics["final"].items() if name not in _NO_SCORES]
    typer.echo(f"{result.model_dir}: {', '.join(scores)}")
