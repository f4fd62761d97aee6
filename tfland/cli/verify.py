"""`tfland verify`: verdicts and evidence for a batch of predictions."""

import typer

from delf_verify.cli_verify import verify


def register(app: typer.Typer) -> None:
    """Adds the command to an application."""
    app.command("verify", help="Verifies predictions by local features and says why.")(verify)
