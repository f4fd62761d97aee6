"""Which photographs a command is about: the options that `predict` and `calibrate` share."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from delf_verify.sources import PhotographSource

CsvOption = Annotated[
    Path | None, typer.Option(help="The queries: a CSV with the column id, or Kaggle's sample_submission.csv.")
]
ImagesOption = Annotated[Path | None, typer.Option(help="Their photographs: a/b/c/abc….jpg or flat.")]
ShardsOption = Annotated[str | None, typer.Option(help="Instead of both: TFRecord shards, 'build/test-*.tfrecord'.")]
WorkOption = Annotated[
    Path | None,
    typer.Option(help="Keep here what the networks say of each photograph; other methods then need no second pass."),
]


@dataclass(frozen=True, kw_only=True)
class Queries:
    """Photographs to be recognised.

    Attributes:
        ids: in the order of their table or of their shards.
        source: opens them.
    """

    ids: list[str]
    source: "PhotographSource"


def open_queries(csv: Path | None, images: Path | None, shards: str | None) -> Queries:
    """Opens the photographs that the options name.

    Raises:
        ValueError: the options contradict each other, or a table is none of queries.
        OSError: a file or folder is missing.
    """
    if (shards is None) == (csv is None) or (csv is None) != (images is None):
        raise ValueError("which photographs? Give --csv CSV with --images DIR, or --shards 'build/test-*.tfrecord'")
    from delf_verify.sources import ShardSource, open_photographs
    from tfland.recognition.submission import read_query_ids

    source = open_photographs(shards if shards is not None else str(images))
    if csv is not None:
        return Queries(ids=read_query_ids(csv), source=source)
    if isinstance(source, ShardSource):
        return Queries(ids=source.image_ids, source=source)
    raise ValueError(f"--shards {shards!r} is a folder; give a pattern such as 'build/test-*.tfrecord'")
