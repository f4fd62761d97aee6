"""The command `verify`: verdicts and evidence for a batch of predictions."""

from pathlib import Path
from typing import Annotated

import typer

from delf_verify.cli_options import CPUS, FeaturesOption, WorkersOption
from tfrecords_builder.terminal import Refused


def verify(
    predictions: Annotated[Path, typer.Option(help="id,landmarks (submission) or id,landmark_id,score.")],
    queries: Annotated[str, typer.Option(help="Folder of the queries' photographs, or a pattern of shards.")],
    index_csv: Annotated[Path, typer.Option(help="id,landmark_id of the index photographs.")],
    index_images: Annotated[str, typer.Option(help="Their folder, or a pattern of shards.")],
    out: Annotated[Path, typer.Option(help="Folder for verified.csv and the evidence.")],
    features: FeaturesOption = "sift",
    thresholds: Annotated[Path | None, typer.Option(help="YAML of `tfland tune`; without it seed 003's.")] = None,
    max_index_images: Annotated[
        int | None, typer.Option(help="Images compared a query at most; all if absent.")
    ] = None,
    residual_px: Annotated[
        float | None, typer.Option(help="How far an inlier may lie off, in pixels of the index image; 20 if absent.")
    ] = None,
    index_features: Annotated[
        Path | None, typer.Option(help="Folder of the index images' features, shared by several runs.")
    ] = None,
    workers: WorkersOption = CPUS,
) -> None:
    """Reads the files, verifies and prints the counts.

    Raises:
        Refused: photographs could not be read.
    """
    from dataclasses import replace

    from delf_verify.config import default_config
    from delf_verify.decision import Thresholds, load_thresholds
    from delf_verify.inputs import read_predictions
    from delf_verify.sources import open_photographs
    from delf_verify.verified_files import REFUSED_FILE, VERIFIED_FILE, read_refused
    from delf_verify.verify import Photographs, verify_batch
    from tfrecords_builder.catalog import read_photographs

    rule = load_thresholds(thresholds) if thresholds else Thresholds()
    config = replace(default_config(features), thresholds=rule, max_index_images=max_index_images)
    config = config if residual_px is None else config.with_residual(residual_px)
    table = verify_batch(
        predictions=read_predictions(predictions),
        index=read_photographs(index_csv),
        queries=Photographs(source=open_photographs(queries), name=queries),
        index_images=Photographs(source=open_photographs(index_images), name=index_images, features=index_features),
        features=features,
        out_dir=out,
        config=config,
        workers=workers,
    )
    counts = ", ".join(f"{count} {verdict}" for verdict, count in table["verdict"].value_counts().sort_index().items())
    typer.echo(f"{out / VERIFIED_FILE}: {len(table)} predictions, {counts or 'nothing to verify'}")
    if refused := len(read_refused(out)):
        raise Refused(f"{refused} photographs could not be read; {out / REFUSED_FILE} lists them")
