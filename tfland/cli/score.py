"""`tfland score`: GAP and the rest."""

import json
from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Adds the command to an application."""
    app.command("score", help="Scores predictions, a verified table, or both; compares two predictions files.")(score)


def score(
    predictions: Annotated[
        Path | None,
        typer.Option(help="id,landmarks or candidates id,landmark_id,score (adds top-5) or retrieval id,images."),
    ] = None,
    solution: Annotated[Path | None, typer.Option(help="id,landmarks,Usage; of retrieval id,images,Usage.")] = None,
    verified: Annotated[Path | None, typer.Option(help="Folder of `tfland verify`.")] = None,
    against: Annotated[
        Path | None, typer.Option(help="Other predictions for the same queries: what changed, and the difference.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Writes scores.json, tables (classes, confusions, changes) and plots here.")
    ] = None,
    class_sizes: Annotated[
        Path | None, typer.Option(help="labels.csv or train.csv: sizes of the classes for --out's plots.")
    ] = None,
    resamples: Annotated[int, typer.Option(min=0, help="Bootstrap draws for the 95 % intervals; 0: none.")] = 1000,
    seed: Annotated[int, typer.Option(help="Of the bootstrap.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Prints the scores of the files given."""
    from tfland.metrics.score_command import ScoreConfig, lines, run

    result = run(
        ScoreConfig(
            predictions=predictions,
            solution=solution,
            verified=verified,
            against=against,
            out=out,
            class_sizes=class_sizes,
            resamples=resamples,
            seed=seed,
        )
    )
    typer.echo(json.dumps(result, indent=2) if as_json else "\n".join(lines(result)))
    if out is not None and not as_json:
        typer.echo(f"\ntables and plots: {out}")
