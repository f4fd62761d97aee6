"""`tfland search`: hyper-parameters."""

from pathlib import Path
from typing import Annotated

import typer

_HELP = (
    "Searches hyper-parameters: many short trainings, the best of which becomes best.yaml for `tfland train`. "
    "Killed and run again it goes on; run in several shells, or on several GPUs, all work on one study."
)


def register(app: typer.Typer) -> None:
    """Adds the command to an application."""
    app.command("search", help=_HELP)(search)


def search(config: Annotated[Path, typer.Option(help="The search, a YAML file as configs/search.yaml.")]) -> None:
    """Runs what is left of a search and says what was best."""
    import logging

    from tfland.hyperparameters.config import load_search

    wanted = load_search(config)
    from tfland.hyperparameters.study import run_search

    logging.getLogger("absl").setLevel(logging.WARNING)
    result = run_search(wanted)
    complete, total = result.trials
    for key, value in result.settings.items():
        typer.echo(f"{key}={value}")
    typer.echo(f"{wanted.metric} {result.value:.4f}, the best of {complete} complete trials ({total} in all)")
    typer.echo(f"train it in full: tfland train --config {result.config}")
