"""`tfland match`: one pair of photographs, matched and drawn, or a list of pairs, scored."""

import typer

from delf_verify.cli_match import match


def register(app: typer.Typer) -> None:
    """Adds the command to an application."""
    app.command("match", help="Matches two photographs and draws the inliers, or scores a list of pairs.")(match)
