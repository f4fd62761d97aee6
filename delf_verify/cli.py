"""`python -m delf_verify verify | match | tune | features`; `tfland` offers the same commands."""

import typer

from delf_verify.cli_features import commands as features
from delf_verify.cli_match import match
from delf_verify.cli_tune import tune
from delf_verify.cli_verify import verify
from tfrecords_builder.terminal import CONTEXT_SETTINGS

app = typer.Typer(
    name="delf_verify",
    help="Is this really that landmark? Local features, geometry, verdicts.",
    context_settings=CONTEXT_SETTINGS,
    no_args_is_help=True,
    add_completion=False,
)
app.command("verify", help="Verifies a batch of predictions and says why each was confirmed or dropped.")(verify)
app.command("match", help="Matches two photographs and draws what they have in common, or scores a list of pairs.")(
    match
)
app.command("tune", help="Finds the number of inliers that tells labelled pairs apart.")(tune)
app.add_typer(features, name="features")
