"""`tfland score`: GAP and the rest."""

import json
from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Adds the command to an application."""
    app.command("score", help="Scores a submission, a verified table, or both.")(score)


def score(
    predictions: Annotated[Path | None, typer.Option(help="Submission: id,landmarks.")] = None,
    solution: Annotated[Path | None, typer.Option(help="Solution: id,landmarks,Usage.")] = None,
    verified: Annotated[Path | None, typer.Option(help="Folder of `tfland verify`.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Prints the scores of the files given."""
    from tfland.metrics.score_files import score_files

    scores = score_files(predictions, solution, verified)
    if as_json:
        typer.echo(json.dumps(scores, indent=2))
        return
    width = max(len(name) for name in scores)
    for name, value in scores.items():
        typer.echo(f"{name:<{width}}  {value:.6f}" if isinstance(value, float) else f"{name:<{width}}  {value}")
