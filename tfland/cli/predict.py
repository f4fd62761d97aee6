"""`tfland predict`: a submission from a trained classifier."""

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Adds the command to an application."""
    app.command("predict", help="Predicts the landmark of photographs, in Kaggle's submission form.")(predict)


def predict(
    model: Annotated[Path, typer.Option(help="Folder that `tfland train` wrote (training.model_dir).")],
    out: Annotated[Path, typer.Option(help="CSV to write; a list of refused photographs goes beside it.")],
    csv: Annotated[Path | None, typer.Option(help="The queries: a CSV with the column id.")] = None,
    images: Annotated[Path | None, typer.Option(help="Their photographs: a/b/c/abc….jpg or flat.")] = None,
    shards: Annotated[
        str | None, typer.Option(help="Instead of both: TFRecord shards, 'build/test-*.tfrecord'.")
    ] = None,
    candidates: Annotated[
        int | None, typer.Option(min=1, help="Write the N best landmarks a query as id,landmark_id,score.")
    ] = None,
) -> None:
    """Checks the options, loads the model and writes the predictions."""
    if (shards is None) == (csv is None) or (csv is None) != (images is None):
        raise ValueError("which photographs? Give --csv CSV with --images DIR, or --shards 'build/test-*.tfrecord'")
    from delf_verify.sources import ShardSource, open_photographs
    from tfrecords_builder.catalog import read_photographs
    from tfrecords_builder.schema import ID

    source = open_photographs(shards if shards is not None else str(images))
    if csv is not None:
        ids = read_photographs(csv)[ID].tolist()
    elif isinstance(source, ShardSource):
        ids = source.image_ids
    else:
        raise ValueError(f"--shards {shards!r} is a folder; give a pattern such as 'build/test-*.tfrecord'")
    # After the checks: loading TensorFlow takes seconds, and a wrong option should not.
    from tfland.recognition.classifier import Classifier
    from tfland.recognition.predict import predict_to_file

    predict_to_file(Classifier.load(model), ids, source, out, candidates=candidates)
    typer.echo(f"{len(ids)} predictions in {out}")
