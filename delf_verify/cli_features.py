"""The commands `features export` and `features import`: `.delf` files of a feature store."""

from pathlib import Path
from typing import Annotated

import typer

from tfrecords_builder.terminal import CONTEXT_SETTINGS, Refused

commands = typer.Typer(
    name="features",
    help="Feature stores to and from .delf files, as the authors' DELF writes them: export, import.",
    context_settings=CONTEXT_SETTINGS,
    no_args_is_help=True,
)


@commands.command("export")
def export_features(
    store: Annotated[Path, typer.Argument(help="A feature store: a folder with store.json.", show_default=False)],
    out: Annotated[Path, typer.Option(help="Folder of the .delf files, one an image.")],
) -> None:
    """Writes every image of a feature store as a .delf file."""
    from delf_verify.delf_folder import export_store

    written, there = export_store(store, out)
    typer.echo(f"{written} files written to {out}, {there} were there")


@commands.command("import")
def import_features(
    folder: Annotated[Path, typer.Argument(help="A folder of .delf files.", show_default=False)],
    out: Annotated[Path, typer.Option(help="The feature store: new, or one that grows.")],
    fingerprint: Annotated[
        str | None,
        typer.Option(help="Names what made the features, and must be that of --features to verify with them."),
    ] = None,
) -> None:
    """Adds a folder of .delf files to a feature store.

    Raises:
        Refused: files were damaged.
    """
    from delf_verify.delf_folder import import_folder, write_refused

    found = import_folder(folder, out, fingerprint)
    listed = out.with_name(f"{out.name}_refused.csv")
    write_refused(listed, found.refused)
    typer.echo(f"{found.added} images added to {out}, {found.there} were there")
    if found.refused:
        raise Refused(f"{len(found.refused)} files could not be read; {listed} lists them")
