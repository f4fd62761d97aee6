"""`tfland predict`: a submission from a trained classifier or from a whole system."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tfland.cli.queries import CsvOption, ImagesOption, ShardsOption, WorkOption, open_queries

if TYPE_CHECKING:
    from tfland.recognition.system_config import SystemConfig


def register(app: typer.Typer) -> None:
    """Adds the command to an application."""
    app.command("predict", help="Predicts the landmark of photographs, in Kaggle's submission form.")(predict)


def predict(
    out: Annotated[Path, typer.Option(help="CSV to write; a list of refused photographs goes beside it.")],
    model: Annotated[
        list[str] | None, typer.Option(help="Folder that `tfland train` wrote; several are averaged.")
    ] = None,
    system: Annotated[
        Path | None,
        typer.Option(help="Instead: a YAML of gate, classifiers and method, as configs/seed000_system.yaml."),
    ] = None,
    csv: CsvOption = None,
    images: ImagesOption = None,
    shards: ShardsOption = None,
    method: Annotated[str | None, typer.Option(help="head, knn, blend or ranked; stronger than the system's.")] = None,
    index: Annotated[
        list[str] | None, typer.Option(help="With --model, for knn, blend, ranked: of `tfland embed`, one a model.")
    ] = None,
    non_landmarks: Annotated[
        list[str] | None, typer.Option(help="With --model, for ranked: the same of photographs without a landmark.")
    ] = None,
    candidates: Annotated[
        int | None, typer.Option(min=1, help="Write the N best landmarks a query as id,landmark_id,score.")
    ] = None,
    landmarks: Annotated[
        Path | None,
        typer.Option(help="Predict only landmarks of this CSV (a solution or a column landmark_id), as the host did."),
    ] = None,
    work: WorkOption = None,
) -> None:
    """Checks the options, loads the models and writes the predictions."""
    config = _system(model, system, method, index, non_landmarks)
    queries = open_queries(csv, images, shards)
    allowed = None
    if landmarks is not None:
        from tfland.recognition.submission import read_landmarks

        allowed = read_landmarks(landmarks)
    # After the checks: loading TensorFlow takes seconds, and a wrong option should not.
    from tfland.recognition.predict import predict_to_file
    from tfland.recognition.system import System

    predict_to_file(
        System.load(config), queries.ids, queries.source, out, candidates=candidates, landmarks=allowed, work=work
    )
    typer.echo(f"{len(queries.ids)} predictions in {out}")


def _system(
    model: list[str] | None,
    system: Path | None,
    method: str | None,
    index: list[str] | None,
    non_landmarks: list[str] | None,
) -> "SystemConfig":
    """The system that the options describe."""
    if (not model) == (system is None):
        raise ValueError("which model? Give --model DIR, or --system YAML")
    if system is not None and (index or non_landmarks):
        raise ValueError("--index and --non-landmarks go with --model; a system names its own")
    from tfland.recognition.system_config import load_system, system_of

    if system is not None:
        return load_system(system, [] if method is None else [f"method={method}"])
    return system_of(model or [], index or [], non_landmarks or [], method or "head")
