"""`tfland verify`: verdicts and evidence for a batch of predictions."""

from pathlib import Path
from typing import Annotated

import typer

from delf_verify import cli_verify as options
from delf_verify.cli_options import CPUS, FeaturesOption, WorkersOption


def register(app: typer.Typer) -> None:
    """Adds the command to an application."""
    app.command("verify", help="Verifies predictions by local features and says why.")(verify)


def verify(
    predictions: options.PredictionsOption,
    queries: options.QueriesOption,
    index_csv: options.IndexCsvOption,
    index_images: options.IndexImagesOption,
    out: options.OutOption,
    features: FeaturesOption = "sift",
    thresholds: options.ThresholdsOption = None,
    index: Annotated[
        Path | None,
        typer.Option(help="Of `tfland embed`, for the index photographs: the most similar ones are compared first."),
    ] = None,
    query_embeddings: Annotated[
        Path | None, typer.Option(help="With --index: of `tfland embed`, for the queries, by the same model.")
    ] = None,
    max_index_images: options.MaxIndexImagesOption = None,
    stop_early: options.StopEarlyOption = False,
    residual_px: options.ResidualOption = None,
    index_features: options.IndexFeaturesOption = None,
    workers: WorkersOption = CPUS,
    beam: options.BeamFlags = None,
) -> None:
    """Reads the files, verifies and prints the counts.

    Raises:
        ValueError: --index without --query-embeddings, or the other way round.
        Refused: photographs could not be read.
    """
    find_similar = None
    if index is not None or query_embeddings is not None:
        if index is None or query_embeddings is None:
            raise ValueError("--index and --query-embeddings go together: give both, or neither to choose by ids")
        from tfland.recognition.similar_images import SimilarImages

        find_similar = SimilarImages.open(index, query_embeddings, max_index_images)
    options.verify_files(
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
        find_similar=find_similar,
    )
