"""`tfland build shards | select | split | check | stats`: the commands of tfrecords_builder."""

import typer

from tfrecords_builder.cli import app as build_app


def register(app: typer.Typer) -> None:
    """Adds the command group `build` to an application."""
    app.add_typer(build_app, name="build")
