"""The commands that work on catalogues: `build catalog | select | split | duplicates`."""

from pathlib import Path
from typing import Annotated

import typer

from tfrecords_builder.cli_options import (
    Csv,
    Images,
    LabelSpaceOption,
    Seed,
    SelectionOptions,
    SplitOptions,
    parse_bins,
    read_label_space,
)
from tfrecords_builder.option_groups import grouped
from tfrecords_builder.terminal import Refused
from tfrecords_builder.workers_option import Workers, processes


def catalog(
    images: Annotated[Path, typer.Option(help="A folder for each class, or one flat folder.", metavar="DIR")],
    out: Annotated[Path, typer.Option(help="Folder for catalogue.csv, categories.csv and images/.", metavar="DIR")],
    categories: Annotated[
        Path | None, typer.Option(help="categories.csv of an earlier folder, whose landmark ids to use.", metavar="CSV")
    ] = None,
) -> None:
    """Make a catalogue of a folder of photographs; they are linked, not copied, to where the others look."""
    from tfrecords_builder.folder_catalog import write_folder_catalog
    from tfrecords_builder.schema import CATALOGUE_FILE

    found = write_folder_catalog(images, out, categories)
    counts = f"{len(found.photographs)} photographs, {len(found.categories)} landmarks"
    typer.echo(f"{out / CATALOGUE_FILE}: {counts}")


@grouped
def select(
    csv: Csv,
    out: Annotated[Path, typer.Option(help="The CSV to write (id,landmark_id); with --bins a folder.", metavar="CSV")],
    selection: SelectionOptions,
    bins: Annotated[
        str,
        typer.Option(
            help="One CSV for each bin of class sizes: 30,15 writes 30_and_more.csv and 15_to_29.csv into the folder "
            "--out. Smaller classes are left out.",
            metavar="A,B,…",
        ),
    ] = "",
    label_space: LabelSpaceOption = "train",
    seed: Seed = 0,
) -> None:
    """Write the rows of some classes, or some rows, to another CSV."""
    from tfrecords_builder.catalog import read_photographs, write_photographs
    from tfrecords_builder.label_space import derived_name
    from tfrecords_builder.selection import class_size_bins
    from tfrecords_builder.selection import select as select_rows

    space = read_label_space(label_space)
    chosen = select_rows(read_photographs(csv, label_space=space), selection.read(), seed)
    parts = (
        {out / f"{name}.csv": rows for name, rows in class_size_bins(chosen, parse_bins(bins)).items()} if bins else {}
    )
    for path, rows in (parts or {out: chosen}).items():
        path = path.with_name(derived_name(path.name, space))
        write_photographs(path, rows)
        typer.echo(f"{path}: {len(rows)} photographs, {rows['landmark_id'].nunique()} landmarks")


@grouped
def split(
    csv: Csv,
    out: Annotated[Path, typer.Option(help="Folder for NAME.csv, one for each split.", metavar="DIR")],
    parts: SplitOptions,
    label_space: LabelSpaceOption = "train",
    seed: Seed = 0,
) -> None:
    """Divide a CSV into train, validation, test …, class by class."""
    from tfrecords_builder.catalog import read_photographs, write_photographs
    from tfrecords_builder.label_space import derived_name
    from tfrecords_builder.split_files import divide

    plan, space = parts.plan(), read_label_space(label_space)
    rows_of = divide(
        read_photographs(csv, label_space=space),
        plan,
        seed,
        split_file=parts.split_file,
        duplicates=parts.duplicates,
    )
    for name, rows in rows_of.items():
        path = out / derived_name(f"{name}.csv", space)
        write_photographs(path, rows)
        typer.echo(f"{path}: {len(rows)} photographs, {rows['landmark_id'].nunique()} landmarks")


def duplicates(
    csv: Csv,
    images: Images,
    out: Annotated[Path, typer.Option(help="Folder for duplicates.csv (id,group) and the hashes.", metavar="DIR")],
    max_distance: Annotated[int, typer.Option(help="Bits of 64 in which near-duplicates may differ.")] = 6,
    workers: Workers = 0,
) -> None:
    """Find near-duplicate photographs by perceptual hash; `split` and `shards` keep them on one side."""
    from tfrecords_builder.catalog import read_photographs
    from tfrecords_builder.near_duplicates import DuplicatesConfig, find_duplicates
    from tfrecords_builder.schema import DUPLICATES_FILE, REFUSED_FILE

    config = DuplicatesConfig(images=images, out=out, max_distance=max_distance, workers=processes(workers))
    found = find_duplicates(read_photographs(csv), config)
    counts = f"{len(found.groups)} photographs in {found.count} groups, the largest of {found.largest}"
    typer.echo(f"{out / DUPLICATES_FILE}: {counts}")
    if found.refused:
        raise Refused(f"{len(found.refused)} photographs without a hash are listed in {out / REFUSED_FILE}")
