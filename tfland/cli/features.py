"""`tfland features export | import`: feature stores to and from .delf files."""

import typer

from delf_verify.cli_features import commands


def register(app: typer.Typer) -> None:
    """Adds the commands to an application."""
    app.add_typer(commands, name="features")
