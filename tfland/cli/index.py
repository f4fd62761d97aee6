"""`tfland index`: what is done to an index without training."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tfrecords_builder.terminal import CONTEXT_SETTINGS

if TYPE_CHECKING:
    from collections.abc import Callable

    from tfland.recognition.index_rows import Rows

commands = typer.Typer(
    name="index",
    help="Changes an index (a folder of `tfland embed`) without training: append, delete, merge, restrict, info.",
    context_settings=CONTEXT_SETTINGS,
    no_args_is_help=True,
)

Index = Annotated[Path, typer.Option(help="The index. It is changed as a whole or not at all.")]
Out = Annotated[Path | None, typer.Option(help="Write the changed index to this new folder and leave the old alone.")]


def register(app: typer.Typer) -> None:
    """Adds the commands to an application."""
    app.add_typer(commands, name="index")


@commands.command()
def append(
    index: Index,
    new: Annotated[Path, typer.Option("--from", help="Folder of `tfland embed` with the same model and options.")],
    out: Out = None,
) -> None:
    """Adds photographs, of known landmarks or of new ones; an id that is there already is refused."""
    from tfland.recognition.embeddings import Embeddings

    added = Embeddings.load(new)
    _change(index, out, lambda rows: rows.append(added))


@commands.command()
def delete(
    index: Index,
    csv: Annotated[Path | None, typer.Option(help="CSV with the column id: photographs to delete.")] = None,
    landmark: Annotated[list[int] | None, typer.Option(help="Delete all of this landmark; may be repeated.")] = None,
    out: Out = None,
) -> None:
    """Deletes photographs or whole landmarks."""
    if csv is None and not landmark:
        raise ValueError("what to delete? Give --csv CSV with a column id, or --landmark ID")
    from tfland.recognition.embedding_files import read_rows

    ids = [] if csv is None else read_rows(csv)[0].tolist()

    def remove(rows: "Rows") -> "Rows":
        for mark in landmark or []:
            rows = rows.delete(rows.ids_of(mark))
        return rows.delete(ids) if ids else rows

    _change(index, out, remove)


@commands.command()
def merge(
    index: Annotated[list[Path], typer.Option(help="An index; give the option two times or more.")],
    out: Annotated[Path, typer.Option(help="The folder to write.")],
) -> None:
    """Makes one index of several; a photograph that several hold in the same way is kept once."""
    if len(index) < 2:
        raise ValueError(f"--index is given {len(index)} times; a merge needs at least two")
    from tfland.recognition.embeddings import Embeddings

    others = [Embeddings.load(folder) for folder in index[1:]]

    def all_of(rows: "Rows") -> "Rows":
        for other in others:
            rows = rows.merge(other)
        return rows

    _change(index[0], out, all_of)


@commands.command()
def restrict(
    index: Index,
    solution: Annotated[Path | None, typer.Option(help="Keep the landmarks of this id,landmarks,Usage.")] = None,
    csv: Annotated[Path | None, typer.Option(help="Or those of this id,landmark_id.")] = None,
    out: Out = None,
) -> None:
    """Keeps the landmarks of a test set only, as Kaggle's host does before scoring."""
    if (solution is None) == (csv is None):
        raise ValueError("which landmarks? Give --solution CSV (id,landmarks,Usage) or --csv CSV (id,landmark_id)")
    from tfrecords_builder.catalog import read_photographs, read_solution
    from tfrecords_builder.schema import LANDMARK, LANDMARKS

    if solution is not None:
        landmarks = {mark for marks in read_solution(solution)[LANDMARKS] for mark in marks}
    else:
        landmarks = set(read_photographs(Path(str(csv)))[LANDMARK].tolist()) - {-1}
    _change(index, out, lambda rows: rows.restrict(landmarks))


@commands.command()
def info(
    index: Annotated[Path, typer.Option(help="The index, or any folder of `tfland embed`.")],
    check: Annotated[bool, typer.Option(help="Read all of it and compare its sha256.")] = False,
) -> None:
    """Says what an index holds."""
    import numpy as np

    from tfland.recognition.embeddings import Embeddings, check_files

    embeddings = check_files(index) if check else Embeddings.load(index)
    marks = embeddings.landmark_ids
    shown = "not known" if marks is None else f"{len(np.unique(marks[marks >= 0]))}"
    rows = [
        ("photographs", f"{len(embeddings)}"),
        ("landmarks", shown),
        ("without a landmark", "not known" if marks is None else f"{int((marks < 0).sum())}"),
        ("vectors", f"{embeddings.vectors.shape[1]} {embeddings.vectors.dtype}"),
        ("fingerprint", embeddings.fingerprint or "not known"),
        *embeddings.model.items(),
    ]
    for name, value in rows:
        typer.echo(f"{name:20} {value}")


def _change(index: Path, out: Path | None, change: "Callable[[Rows], Rows]") -> None:
    from tfland.recognition.embeddings import change_index

    before, after = change_index(index, out, change)
    typer.echo(f"{before} photographs before, {after} now in {out or index}")
