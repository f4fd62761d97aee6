"""The command `verify`: verdicts and evidence for a batch of predictions."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from delf_verify.cli_options import CPUS, FeaturesOption, WorkersOption
from tfrecords_builder.terminal import Refused

if TYPE_CHECKING:
    import pandas as pd

    # Predictions and index photographs in; for predictions (query, landmark) the index images, the most similar first.
    FindSimilar = Callable[[pd.DataFrame, pd.DataFrame], Mapping[tuple[str, int], Sequence[str]]]

PredictionsOption = Annotated[
    Path,
    typer.Option(help="id,landmarks (submission), or candidates id,landmark_id,score: the best verified one wins."),
]
QueriesOption = Annotated[str, typer.Option(help="Folder of the queries' photographs, or a pattern of shards.")]
IndexCsvOption = Annotated[Path, typer.Option(help="id,landmark_id of the index photographs.")]
IndexImagesOption = Annotated[str, typer.Option(help="Their folder, or a pattern of shards.")]
OutOption = Annotated[Path, typer.Option(help="Folder for verified.csv, reranked.csv and the evidence.")]
ThresholdsOption = Annotated[
    Path | None, typer.Option(help="YAML of `tfland tune`; without it the numbers that come with the features.")
]
MaxIndexImagesOption = Annotated[int | None, typer.Option(help="Images compared a query at most; all if absent.")]
ResidualOption = Annotated[
    float | None, typer.Option(help="How far an inlier may lie off, in pixels the extractor saw; as tuned if absent.")
]
IndexFeaturesOption = Annotated[
    Path | None, typer.Option(help="Folder of the index images' features, shared by several runs.")
]
StopEarlyOption = Annotated[
    bool, typer.Option("--stop-early", help="Compare a query no further once it is sure to be confirmed.")
]

BeamFlags = Annotated[
    list[str] | None,
    typer.Argument(
        help="Flags of Apache Beam after a lone --, such as -- --runner=FlinkRunner: verify on its workers.",
        metavar="[-- BEAM FLAGS]",
    ),
]


def verify(
    predictions: PredictionsOption,
    queries: QueriesOption,
    index_csv: IndexCsvOption,
    index_images: IndexImagesOption,
    out: OutOption,
    features: FeaturesOption = "sift",
    thresholds: ThresholdsOption = None,
    max_index_images: MaxIndexImagesOption = None,
    stop_early: StopEarlyOption = False,
    residual_px: ResidualOption = None,
    index_features: IndexFeaturesOption = None,
    workers: WorkersOption = CPUS,
    beam: BeamFlags = None,
) -> None:
    """Reads the files, verifies and prints the counts.

    Raises:
        Refused: photographs could not be read.
    """
    verify_files(
        predictions=predictions,
        queries=queries,
        index_csv=index_csv,
        index_images=index_images,
        out=out,
        features=features,
        thresholds=thresholds,
        max_index_images=max_index_images,
        stop_early=stop_early,
        residual_px=residual_px,
        index_features=index_features,
        workers=workers,
        beam=beam,
    )


def verify_files(
    *,
    predictions: Path,
    queries: str,
    index_csv: Path,
    index_images: str,
    out: Path,
    features: str,
    thresholds: Path | None,
    max_index_images: int | None,
    stop_early: bool,
    residual_px: float | None,
    index_features: Path | None,
    workers: int,
    beam: Sequence[str] | None = None,
    find_similar: "FindSimilar | None" = None,
) -> None:
    """`verify`, whose options these are; `find_similar` names the index images that are compared, the first ones first.

    Raises:
        Refused: photographs could not be read.
    """
    from dataclasses import replace

    from delf_verify.config import default_config
    from delf_verify.decision import default_thresholds, load_thresholds
    from delf_verify.inputs import read_predictions
    from delf_verify.sources import open_photographs
    from delf_verify.verified_files import REFUSED_FILE, VERIFIED_FILE, read_refused
    from delf_verify.verify import Photographs, verify_batch
    from tfrecords_builder.catalog import read_photographs

    config = default_config(features)
    rule = load_thresholds(thresholds) if thresholds else default_thresholds(features)
    config = replace(config, thresholds=rule, max_index_images=max_index_images, stop_early=stop_early)
    config = config if residual_px is None else config.with_residual(residual_px)
    machines = None
    if beam:
        from delf_verify.beam_pipeline import BeamMachines

        machines = BeamMachines(tuple(beam))
    rows, index = read_predictions(predictions), read_photographs(index_csv)
    table = verify_batch(
        predictions=rows,
        index=index,
        queries=Photographs(source=open_photographs(queries), name=queries),
        index_images=Photographs(source=open_photographs(index_images), name=index_images, features=index_features),
        features=features,
        out_dir=out,
        config=config,
        similar=find_similar(rows, index) if find_similar else None,
        workers=workers,
        machines=machines,
    )
    counts = ", ".join(f"{count} {verdict}" for verdict, count in table["verdict"].value_counts().sort_index().items())
    typer.echo(f"{out / VERIFIED_FILE}: {len(table)} predictions, {counts or 'nothing to verify'}")
    if refused := len(read_refused(out)):
        raise Refused(f"{refused} photographs could not be read; {out / REFUSED_FILE} lists them")
