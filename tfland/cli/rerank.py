"""`tfland rerank`: predictions from embeddings of any origin."""

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Adds the command to an application."""
    app.command("rerank", help="Predicts landmarks from embeddings on disk, whoever made them: .npy and CSV.")(rerank)


def rerank(
    query_embeddings: Annotated[list[Path], typer.Option(help=".npy, float [queries, E]; repeat for more models.")],
    query_csv: Annotated[Path, typer.Option(help="CSV with the column id: the photograph of each row.")],
    index_embeddings: Annotated[
        list[Path], typer.Option(help=".npy of the index; one for each model, in their order.")
    ],
    index_csv: Annotated[Path, typer.Option(help="CSV id,landmark_id of the index.")],
    out: Annotated[Path, typer.Option(help="CSV to write, in Kaggle's submission form.")],
    non_landmark_embeddings: Annotated[
        list[Path] | None, typer.Option(help=".npy of photographs that show no landmark; one for each model.")
    ] = None,
    non_landmark_csv: Annotated[
        Path | None, typer.Option(help="Their ids: a query that is among them is not compared with itself.")
    ] = None,
    method: Annotated[str, typer.Option(help="ranked (the 2020 winner's steps) or knn.")] = "ranked",
    quantile: Annotated[bool, typer.Option(help="Ranked: bring every dimension to a normal distribution.")] = True,
    index_penalty: Annotated[bool, typer.Option(help="Ranked: penalty B, of index photographs.")] = True,
    query_penalty: Annotated[bool, typer.Option(help="Ranked: penalty C, of queries.")] = True,
    top_index: Annotated[int, typer.Option(help="Ranked: index photographs that are summed by landmark.")] = 3,
    ensemble: Annotated[str, typer.Option(help="Ranked: concat or per_model.")] = "concat",
    seed: Annotated[int, typer.Option(help="Ranked: draws the queries that the quantiles are fitted on.")] = 0,
    neighbors: Annotated[int, typer.Option(help="knn: index photographs that vote.")] = 5,
    power: Annotated[float, typer.Option(help="knn: of the cosine of a vote.")] = 8.0,
    candidates: Annotated[int | None, typer.Option(help="Write the N best landmarks as id,landmark_id,score.")] = None,
    engine: Annotated[str, typer.Option(help="auto, faiss, keras or faiss-approximate.")] = "auto",
    block_mib: Annotated[int, typer.Option(help="Memory of a search beside the embeddings, in MiB.")] = 1024,
) -> None:
    """Checks the options, opens the embeddings and writes the predictions."""
    if non_landmark_csv is not None and not non_landmark_embeddings:
        raise ValueError("--non-landmark-csv goes with --non-landmark-embeddings")
    from tfland.recognition.ranking_config import RankingConfig
    from tfland.recognition.rerank import RerankConfig, RerankInputs, open_models, rerank_to_file

    ranking = RankingConfig(
        quantile=quantile,
        quantile_seed=seed,
        index_penalty=index_penalty,
        top_index=top_index,
        query_penalty=query_penalty,
        ensemble=ensemble,
        engine=engine,
        block_bytes=block_mib << 20,
    )
    config = RerankConfig(method=method, ranking=ranking, neighbors=neighbors, power=power, candidates=candidates)
    inputs = RerankInputs(
        queries=open_models(query_embeddings, query_csv),
        index=open_models(index_embeddings, index_csv),
        non_landmarks=open_models(non_landmark_embeddings or [], non_landmark_csv),
    )
    count = rerank_to_file(inputs, out, config)
    typer.echo(f"{count} predictions in {out}")
