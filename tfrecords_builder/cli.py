"""The commands `build shards | select | split | check | stats`."""

from pathlib import Path
from typing import Annotated

import typer

from tfrecords_builder.cli_check import check, stats
from tfrecords_builder.cli_options import (
    ImagesPerClass,
    LandmarkRange,
    Landmarks,
    MaxImages,
    MinImages,
    SampleClasses,
    SampleImages,
    TopClasses,
    parse_bins,
    read_selection,
)
from tfrecords_builder.size_options import MaxAspect, MaxSide, Resize, Size, read_size
from tfrecords_builder.terminal import CONTEXT_SETTINGS, Refused
from tfrecords_builder.workers_option import Workers, processes

app = typer.Typer(
    context_settings=CONTEXT_SETTINGS,
    no_args_is_help=True,
    help="Photographs and a CSV into verified TFRecord shards.",
)

Csv = Annotated[Path, typer.Option(help="id,landmark_id | id,url,landmark_id | landmark_id,images | id", metavar="CSV")]
Seed = Annotated[int, typer.Option(help="Of every random choice.")]
Split = Annotated[
    list[str] | None,
    typer.Option(
        help="NAME for a single split; else NAME=FRACTION such as validation=0.1 (repeat it; the rest is train), "
        "and at most one NAME=class-size (25 % of classes below 10 photographs, 5 % up to 100, 1 % above).",
        metavar="NAME[=…]",
    ),
]


@app.command()
def shards(
    csv: Csv,
    images: Annotated[Path, typer.Option(help="Photographs at a/b/c/abc….jpg or abc….jpg.", metavar="DIR")],
    out: Annotated[Path, typer.Option(help="Folder of the shards.", metavar="DIR")],
    labels: Annotated[
        Path | None, typer.Option(help="labels.csv of the build whose classes to use.", metavar="CSV")
    ] = None,
    num_shards: Annotated[int, typer.Option(help="Files of each split; take several per worker.")] = 8,
    max_side: MaxSide = 0,
    resize: Resize = "",
    size: Size = 0,
    quality: Annotated[int, typer.Option(help="Of JPEGs that must be encoded again.")] = 95,
    split: Split = None,
    min_images: MinImages = 0,
    max_images: MaxImages = 0,
    landmark_range: LandmarkRange = "",
    landmarks: Landmarks = "",
    top_classes: TopClasses = 0,
    sample_classes: SampleClasses = 0,
    images_per_class: ImagesPerClass = 0,
    sample_images: SampleImages = 0,
    max_pixels: Annotated[int, typer.Option(help="Refuse photographs of more pixels.")] = 80_000_000,
    min_side: Annotated[int, typer.Option(help="Refuse photographs with a shorter side.", metavar="PX")] = 8,
    max_aspect: MaxAspect = 0.0,
    seed: Seed = 0,
    workers: Workers = 0,
    resume: Annotated[bool, typer.Option(help="Keep the finished shards of an earlier run.")] = True,
) -> None:
    """Build shards; refused photographs are listed in refused.csv, and the exit code is then 3."""
    from tfrecords_builder.config import BuildConfig
    from tfrecords_builder.image_limits import ImageLimits
    from tfrecords_builder.schema import REFUSED_FILE
    from tfrecords_builder.shards import build_shards
    from tfrecords_builder.splits import parse_plan

    side, mode = read_size(max_side, resize, size)
    config = BuildConfig(
        csv=csv,
        images=images,
        out=out,
        labels=labels,
        selection=read_selection(
            min_images=min_images,
            max_images=max_images,
            landmark_range=landmark_range,
            landmarks=landmarks,
            top_classes=top_classes,
            sample_classes=sample_classes,
            images_per_class=images_per_class,
            sample_images=sample_images,
        ),
        splits=parse_plan(split or []),
        num_shards=num_shards,
        max_side=side,
        resize=mode,
        quality=quality,
        limits=ImageLimits(max_pixels=max_pixels, min_side=min_side, max_aspect=max_aspect),
        seed=seed,
        workers=processes(workers),
        resume=resume,
    )
    manifest = build_shards(config)
    for name in manifest.splits:
        typer.echo(f"{name}: {manifest.records(name)} photographs in {len(manifest.shards_of(name))} shards")
    if manifest.refused:
        reasons = ", ".join(f"{count} {reason}" for reason, count in manifest.refusals.items())
        raise Refused(f"{manifest.refused} photographs ({reasons}) are listed in {out / REFUSED_FILE}")


@app.command()
def select(
    csv: Csv,
    out: Annotated[Path, typer.Option(help="The CSV to write (id,landmark_id); with --bins a folder.", metavar="CSV")],
    min_images: MinImages = 0,
    max_images: MaxImages = 0,
    landmark_range: LandmarkRange = "",
    landmarks: Landmarks = "",
    top_classes: TopClasses = 0,
    sample_classes: SampleClasses = 0,
    images_per_class: ImagesPerClass = 0,
    sample_images: SampleImages = 0,
    bins: Annotated[
        str,
        typer.Option(
            help="One CSV for each bin of class sizes: 30,15 writes 30_and_more.csv and 15_to_29.csv into the folder "
            "--out. Smaller classes are left out.",
            metavar="A,B,…",
        ),
    ] = "",
    seed: Seed = 0,
) -> None:
    """Write the rows of some classes, or some rows, to another CSV."""
    from tfrecords_builder.catalog import read_photographs, write_photographs
    from tfrecords_builder.selection import class_size_bins
    from tfrecords_builder.selection import select as select_rows

    selection = read_selection(
        min_images=min_images,
        max_images=max_images,
        landmark_range=landmark_range,
        landmarks=landmarks,
        top_classes=top_classes,
        sample_classes=sample_classes,
        images_per_class=images_per_class,
        sample_images=sample_images,
    )
    chosen = select_rows(read_photographs(csv), selection, seed)
    parts = (
        {out / f"{name}.csv": rows for name, rows in class_size_bins(chosen, parse_bins(bins)).items()} if bins else {}
    )
    for path, rows in (parts or {out: chosen}).items():
        write_photographs(path, rows)
        typer.echo(f"{path}: {len(rows)} photographs, {rows['landmark_id'].nunique()} landmarks")


@app.command()
def split(
    csv: Csv,
    out: Annotated[Path, typer.Option(help="Folder for NAME.csv, one for each split.", metavar="DIR")],
    split: Split = None,
    seed: Seed = 0,
) -> None:
    """Divide a CSV into train, validation, test …, class by class."""
    from tfrecords_builder.catalog import read_photographs, write_photographs
    from tfrecords_builder.splits import parse_plan, split_photographs

    for name, rows in split_photographs(read_photographs(csv), parse_plan(split or []), seed).items():
        write_photographs(out / f"{name}.csv", rows)
        typer.echo(f"{out / name}.csv: {len(rows)} photographs, {rows['landmark_id'].nunique()} landmarks")


app.command()(check)
app.command()(stats)
