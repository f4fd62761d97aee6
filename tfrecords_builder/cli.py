"""The commands `build shards | download | select | split | check | stats`."""

from pathlib import Path
from typing import Annotated

import typer

from tfrecords_builder.cli_catalog import catalog, select, split
from tfrecords_builder.cli_catalog import duplicates as find_duplicates
from tfrecords_builder.cli_check import check, stats
from tfrecords_builder.cli_download import DownloadCommand, download
from tfrecords_builder.cli_options import (
    Csv,
    Duplicates,
    Fold,
    Folds,
    ImagesPerClass,
    LabelSpaceOption,
    LandmarkRange,
    Landmarks,
    MaxImages,
    MinImages,
    SampleClasses,
    SampleImages,
    Seed,
    Split,
    SplitFile,
    TopClasses,
    read_label_space,
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


@app.command()
def shards(
    csv: Csv,
    images: Annotated[Path, typer.Option(help="Photographs at a/b/c/abc….jpg or abc….jpg.", metavar="DIR")],
    out: Annotated[Path, typer.Option(help="Folder of the shards.", metavar="DIR")],
    labels: Annotated[
        Path | None, typer.Option(help="labels.csv of the build whose classes to use.", metavar="CSV")
    ] = None,
    num_shards: Annotated[int, typer.Option(help="Files of each split; take several per worker.")] = 8,
    label_space: LabelSpaceOption = "train",
    attribution: Annotated[
        Path | None,
        typer.Option(help="train_attribution.csv: authors and licences go beside the shards.", metavar="CSV"),
    ] = None,
    categories: Annotated[
        Path | None, typer.Option(help="train_label_to_category.csv: names of the classes.", metavar="CSV")
    ] = None,
    max_side: MaxSide = 0,
    resize: Resize = "",
    size: Size = 0,
    quality: Annotated[int, typer.Option(help="Of JPEGs that must be encoded again.")] = 95,
    split: Split = None,
    folds: Folds = 0,
    fold: Fold = None,
    split_file: SplitFile = None,
    duplicates: Duplicates = None,
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
    beam: Annotated[
        list[str] | None,
        typer.Argument(
            help="Flags of Apache Beam after a lone --, such as -- --runner=DataflowRunner: build on its workers.",
            metavar="[-- BEAM FLAGS]",
        ),
    ] = None,
) -> None:
    """Build shards; refused photographs are listed in refused.csv, and the exit code is then 3."""
    from tfrecords_builder.beam_pipeline import build_with_beam
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
        label_space=read_label_space(label_space),
        attribution=attribution,
        categories=categories,
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
        splits=parse_plan(split or [], folds=folds, fold=fold),
        split_file=split_file,
        duplicates=duplicates,
        num_shards=num_shards,
        max_side=side,
        resize=mode,
        quality=quality,
        limits=ImageLimits(max_pixels=max_pixels, min_side=min_side, max_aspect=max_aspect),
        seed=seed,
        workers=processes(workers),
        resume=resume,
    )
    manifest = build_with_beam(config, beam) if beam else build_shards(config)
    for name in manifest.splits:
        typer.echo(f"{name}: {manifest.records(name)} photographs in {len(manifest.shards_of(name))} shards")
    if manifest.refused:
        reasons = ", ".join(f"{count} {reason}" for reason, count in manifest.refusals.items())
        raise Refused(f"{manifest.refused} photographs ({reasons}) are listed in {out / REFUSED_FILE}")


app.command(cls=DownloadCommand)(download)
app.command()(catalog)
app.command()(select)
app.command()(split)
app.command("duplicates")(find_duplicates)
app.command()(check)
app.command()(stats)
