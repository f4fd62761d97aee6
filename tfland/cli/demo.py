"""`tfland demo`: the whole chain in one command."""

import os
from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Adds the command to an application."""
    app.command("demo", help="Photographs to a verified GAP: on the embedded data set, or on a folder of yours.")(demo)


def demo(
    out: Annotated[Path, typer.Option(help="Folder of the run; run again to go on.")],
    config: Annotated[
        Path | None, typer.Option(help="YAML of a chain, such as configs/landmarks15_smoke.yaml.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Reaches every random choice; default as in the YAML.")
    ] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes; default one per core.")] = None,
) -> None:
    """Runs the chain and prints its table."""
    from tfland.demo.chain import run_chain, table_of
    from tfland.demo.config import DEFAULT, load_chain

    chain = load_chain(config if config is not None else DEFAULT, seed=seed)
    summary = run_chain(chain, out.resolve(), workers=workers or os.cpu_count() or 1)
    typer.echo(table_of(summary))
    typer.echo(f"report: {summary['report']}")
