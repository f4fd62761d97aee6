"""`tfland fit-delf`: a trained DELF becomes an extractor for `tfland verify`."""

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Adds the command to an application."""
    app.command("fit-delf", help="Makes local features for `verify --features delf:DIR` from a trained DELF.")(fit_delf)


def fit_delf(
    model: Annotated[Path, typer.Option(help="Folder of a finished training of task delf_attention.")],
    csv: Annotated[Path, typer.Option(help="Training photographs: a CSV with the column id.")],
    images: Annotated[str, typer.Option(help="Their folder, or a pattern of shards.")],
    out: Annotated[Path, typer.Option(help="Folder of the extractor.")],
    max_features: Annotated[int, typer.Option(help="Features of a photograph at most.")] = 1000,
    max_side: Annotated[int, typer.Option(help="Larger photographs are reduced to this, in pixels.")] = 1024,
    pca_size: Annotated[int, typer.Option(help="Length of the descriptors.")] = 40,
    whiten: Annotated[
        bool, typer.Option("--whiten", help="Give every number of a descriptor the same variance.")
    ] = False,
    sample: Annotated[int, typer.Option(help="Photographs that the projection is fitted on.")] = 200,
) -> None:
    """Reads the options, fits and says where the extractor is."""
    from delf_verify.pyramid import DelfConfig
    from delf_verify.sources import open_photographs
    from tfrecords_builder.catalog import read_photographs
    from tfrecords_builder.schema import ID

    config = DelfConfig(max_features=max_features, max_side=max_side, pca_size=pca_size, pca_whiten=whiten)
    ids, source = read_photographs(csv)[ID].tolist(), open_photographs(images)
    # After the checks: loading TensorFlow takes seconds, and a wrong option should not.
    from tfland.recognition.delf import fit_delf as fit

    extractor = fit(model, ids, source, config, out, sample=sample)
    typer.echo(f"{out}: {extractor.fingerprint}; use it as --features delf:{out}")
