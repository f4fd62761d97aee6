"""`tfland toyworld`: the embedded data set."""

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Adds the command to an application."""
    app.command("toyworld", help="Makes photographs of invented landmarks, with tables.")(toyworld)


def toyworld(
    out: Annotated[Path, typer.Option(help="New folder, or one to be finished.")],
    landmarks: Annotated[int, typer.Option(help="Buildings in the catalogue.")] = 30,
    images: Annotated[int, typer.Option(help="Training photographs, at least 4 a landmark.")] = 1000,
    queries: Annotated[int, typer.Option(help="Test queries; the validation split has half as many.")] = 300,
    distractor_share: Annotated[float, typer.Option(help="Share of queries without a landmark.")] = 0.5,
    size: Annotated[int, typer.Option(help="Longest side in pixels.")] = 256,
    seed: Annotated[int, typer.Option(help="Source of all random choices.")] = 7,
    workers: Annotated[int | None, typer.Option(help="Processes; as many as processors if not given.")] = None,
    contact_sheet: Annotated[bool, typer.Option(help="Also write contact_sheet.png, to look at.")] = False,
) -> None:
    """Makes a toyworld and says what it holds."""
    from tfland.toyworld import ToyworldConfig, generate
    from tfland.toyworld.contact_sheet import write_contact_sheet

    config = ToyworldConfig(
        landmarks=landmarks,
        images=images,
        queries=queries,
        distractor_share=distractor_share,
        size=size,
        seed=seed,
    )
    made = generate(config, out, workers=workers)
    counts = ", ".join(f"{count} {split}" for split, count in made.photographs.items())
    typer.echo(f"{made.root}: {counts} photographs ({made.written} made now, {made.skipped} there before)")
    if contact_sheet:
        typer.echo(f"contact sheet: {write_contact_sheet(config, made.root)}")
