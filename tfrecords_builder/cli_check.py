"""The commands `build check | stats`, which look at a finished build."""

import json
from pathlib import Path
from typing import Annotated

import typer

from tfrecords_builder.workers_option import Workers, processes

Folder = Annotated[Path, typer.Argument(help="Folder of a finished build.", metavar="DIR")]


def check(
    folder: Folder,
    sample: Annotated[
        float, typer.Option(help="Decode this share of the images; all else is checked of every record.")
    ] = 1.0,
    seed: Annotated[int, typer.Option(help="Of the sample.")] = 0,
    repair: Annotated[
        bool, typer.Option("--repair", help="Rebuild what is bad; needs --csv and --images of the build.")
    ] = False,
    csv: Annotated[Path | None, typer.Option(help="For --repair: the CSV of the build.", metavar="CSV")] = None,
    images: Annotated[Path | None, typer.Option(help="For --repair: its photographs.", metavar="DIR")] = None,
    labels: Annotated[
        Path | None, typer.Option(help="For --repair: the labels.csv that was given to the build, if any.")
    ] = None,
    split_file: Annotated[Path | None, typer.Option(help="For --repair: likewise.", metavar="CSV")] = None,
    duplicates: Annotated[Path | None, typer.Option(help="For --repair: likewise.", metavar="CSV")] = None,
    attribution: Annotated[Path | None, typer.Option(help="For --repair: likewise.", metavar="CSV")] = None,
    categories: Annotated[Path | None, typer.Option(help="For --repair: likewise.", metavar="CSV")] = None,
    workers: Workers = 0,
) -> None:
    """Read every record and decode every image; exit code 1 and a list if anything is wrong."""
    from tfrecords_builder.check import check_files, refuse_problems, require_sound
    from tfrecords_builder.repair import repair_shards

    if not repair:
        if any((csv, images, labels, split_file, duplicates, attribution, categories)):
            raise ValueError("--csv, --images and further inputs are for --repair: a check needs the folder alone")
        manifest = require_sound(folder, workers=processes(workers), sample=sample, seed=seed)
        typer.echo(f"{folder}: {manifest.records()} records in {len(manifest.shards)} shards are sound")
        return
    if csv is None or images is None:
        raise ValueError("--repair needs --csv and --images, from which the folder was built")
    if sample != 1:
        raise ValueError(f"--sample {sample}: a repair decodes every image")
    done = repair_shards(
        folder,
        csv=csv,
        images=images,
        labels=labels,
        split_file=split_file,
        duplicates=duplicates,
        attribution=attribution,
        categories=categories,
        workers=processes(workers),
    )
    for name in done.rebuilt:
        typer.echo(f"{name}: rebuilt")
    refuse_problems(folder, list(check_files(folder, done.manifest)))
    shards = len(done.manifest.shards)
    typer.echo(f"{folder}: {len(done.rebuilt)} of {shards} shards were rebuilt, the others are sound")


def stats(
    folder: Folder,
    plot: Annotated[Path | None, typer.Option(help="Write the class sizes as a PNG.", metavar="PNG")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print what a build holds: counts, class sizes, refusals by reason."""
    from tfrecords_builder.stats import build_stats, plot_class_sizes

    found = build_stats(folder)
    typer.echo(json.dumps(found.as_json(), indent=2) if as_json else "\n".join(found.lines()))
    if plot is not None:
        plot_class_sizes(plot, found.class_sizes)
