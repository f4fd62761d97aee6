"""`tfland embed`: vectors of photographs from a trained model."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from tfrecords_builder.workers_option import Workers, processes

_HELP = (
    "Turns photographs into vectors: an index to search in, or queries. Killed and run again it goes on; the result is "
    "the same whatever the number of workers."
)


def register(app: typer.Typer) -> None:
    """Adds the command to an application."""
    app.command("embed", help=_HELP)(embed)


def embed(
    model: Annotated[Path, typer.Option(help="Folder that `tfland train` wrote (training.model_dir).")],
    out: Annotated[Path, typer.Option(help="Folder to write: embeddings.npy, rows.csv, embeddings.json, refused.csv.")],
    csv: Annotated[
        Path | None, typer.Option(help="The photographs: id,landmark_id or another GLDv2 CSV, or id.")
    ] = None,
    images: Annotated[Path | None, typer.Option(help="Their files: a/b/c/abc….jpg or flat.")] = None,
    shards: Annotated[
        str | None, typer.Option(help="Instead of both: TFRecord shards, 'build/train-*.tfrecord'.")
    ] = None,
    size: Annotated[
        int | None, typer.Option(help="Height and width in pixels; without it that of the model's configuration.")
    ] = None,
    flip: Annotated[bool, typer.Option(help="Average with the mirrored photograph.")] = False,
    scales: Annotated[str, typer.Option(help="Average over these multiples of the size, such as 1,0.7.")] = "1",
    dtype: Annotated[Literal["float16", "float32"], typer.Option(help="Of the numbers in the file.")] = "float16",
    batch_size: Annotated[int, typer.Option(help="Photographs that the network sees at once.")] = 32,
    workers: Workers = 0,
    part: Annotated[
        str, typer.Option(help="I/N: do the I-th of N shares only, I from 0; then run once without it.")
    ] = "0/1",
    beam: Annotated[
        list[str] | None,
        typer.Argument(
            help="Flags of Apache Beam after a lone --, such as -- --runner=FlinkRunner: embed on its workers.",
            metavar="[-- BEAM FLAGS]",
        ),
    ] = None,
) -> None:
    """Checks the options, loads the model and writes the embeddings."""
    if (shards is None) == (csv is None) or (csv is None) != (images is None):
        raise ValueError("which photographs? Give --csv CSV with --images DIR, or --shards 'build/train-*.tfrecord'")
    multiples, share = _numbers(scales), _share(part)
    if beam and share[1] > 1:
        raise ValueError(f"--part {part!r} with flags of Apache Beam: the pipeline does all parts; leave --part away")
    from tfland.recognition.embed_sources import CatalogPhotographs, Photographs, ShardPhotographs

    photographs: Photographs
    if csv is not None and images is not None:
        photographs = CatalogPhotographs(csv, images)
    else:
        photographs = ShardPhotographs(str(shards))
    # After the checks: loading TensorFlow takes seconds, and a wrong option should not.
    from tfland.recognition.embed import EmbedConfig
    from tfland.recognition.embed import embed as embed_photographs
    from tfland.recognition.embedder import Embedder, ViewConfig

    config = EmbedConfig(dtype=dtype, batch_size=batch_size, workers=processes(workers), share=share)
    views = ViewConfig(size=size, flip=flip, scales=multiples)
    if beam:
        from tfland.recognition.beam_pipeline import EmbedJob, embed_with_beam

        job = EmbedJob(model=model, views=views, csv=csv, images=images, shards=shards or "", out=out, config=config)
        done = embed_with_beam(job, beam)
    else:
        done = embed_photographs(Embedder.load(model, views), photographs, out, config)
    if share[1] == 1:
        typer.echo(f"{done} rows in {out}")
    else:
        typer.echo(f"share {part} is done ({done} photographs); after the last one run the command without --part")


def _numbers(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(number) for number in text.split(","))
    except ValueError as error:
        raise ValueError(f"--scales {text!r}: give numbers separated by commas, such as 1,0.7") from error


def _share(text: str) -> tuple[int, int]:
    index, _, count = text.partition("/")
    if not (index.isdecimal() and count.isdecimal() and int(index) < int(count)):
        raise ValueError(f"--part {text!r}: give I/N with I from 0 to N - 1, such as 0/8")
    return int(index), int(count)
