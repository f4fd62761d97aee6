"""The commands `build shards | download | catalog | select | split | duplicates | check | stats`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from tfrecords_builder.cli_catalog import catalog, duplicates, select, split
from tfrecords_builder.cli_check import check, stats
from tfrecords_builder.cli_download import DownloadCommand, download
from tfrecords_builder.cli_options import (
    Csv,
    Images,
    LabelSpaceOption,
    Seed,
    SelectionOptions,
    SplitOptions,
    read_label_space,
)
from tfrecords_builder.option_groups import grouped
from tfrecords_builder.size_options import ImageOptions, ShardOptions
from tfrecords_builder.terminal import CONTEXT_SETTINGS, Refused
from tfrecords_builder.workers_option import Workers, processes

app = typer.Typer(
    context_settings=CONTEXT_SETTINGS,
    no_args_is_help=True,
    help="Photographs and a CSV into verified TFRecord shards.",
)

_Out = Annotated[Path, typer.Option(help="Folder of the shards.", metavar="DIR")]
_Labels = Annotated[Path | None, typer.Option(help="labels.csv of the build whose classes to use.", metavar="CSV")]
_Attribution = Annotated[
    Path | None,
    typer.Option(help="train_attribution.csv: authors and licences go beside the shards.", metavar="CSV"),
]
_Categories = Annotated[
    Path | None, typer.Option(help="train_label_to_category.csv: names of the classes.", metavar="CSV")
]
_Beam = Annotated[
    list[str] | None,
    typer.Argument(
        help="Flags of Apache Beam after a lone --, such as -- --runner=DataflowRunner: build on its workers.",
        metavar="[-- BEAM FLAGS]",
    ),
]


@dataclass(frozen=True, kw_only=True)
class TableOptions:
    """Tables beside the catalogue."""

    labels: _Labels = None
    label_space: LabelSpaceOption = "train"
    attribution: _Attribution = None
    categories: _Categories = None


@app.command()
@grouped
def shards(
    csv: Csv,
    images: Images,
    out: _Out,
    number: ShardOptions,
    tables: TableOptions,
    image: ImageOptions,
    parts: SplitOptions,
    selection: SelectionOptions,
    seed: Seed = 0,
    workers: Workers = 0,
    resume: Annotated[bool, typer.Option(help="Keep the finished shards of an earlier run.")] = True,
    beam: _Beam = None,
) -> None:
    """Build shards; refused photographs are listed in refused.csv, and the exit code is then 3."""
    from tfrecords_builder.beam_pipeline import build_with_beam
    from tfrecords_builder.config import BuildConfig
    from tfrecords_builder.schema import REFUSED_FILE
    from tfrecords_builder.shards import build_shards

    side, mode = image.read_size()
    config = BuildConfig(
        csv=csv,
        images=images,
        out=out,
        labels=tables.labels,
        label_space=read_label_space(tables.label_space),
        attribution=tables.attribution,
        categories=tables.categories,
        selection=selection.read(),
        splits=parts.plan(),
        split_file=parts.split_file,
        duplicates=parts.duplicates,
        **number.read(),
        max_side=side,
        resize=mode,
        quality=image.quality,
        limits=image.limits(),
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
app.command()(duplicates)
app.command()(check)
app.command()(stats)
