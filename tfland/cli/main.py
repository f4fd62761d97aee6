"""`tfland`, the umbrella over all commands, and `tfland-train`."""

import sys

import typer
import typer.core

from tfland.cli import (
    build,
    calibrate,
    demo,
    doctor,
    embed,
    features,
    fit_delf,
    index,
    match,
    predict,
    report,
    rerank,
    score,
    search,
    toyworld,
    train,
    tune,
    verify,
)
from tfrecords_builder.terminal import CONTEXT_SETTINGS, run_app

# In the order of use, which is the order that --help shows.
_MODULES = (
    demo,
    toyworld,
    build,
    train,
    search,
    embed,
    index,
    calibrate,
    predict,
    rerank,
    fit_delf,
    verify,
    tune,
    match,
    features,
    score,
    report,
    doctor,
)


class _InOrderOfUse(typer.core.TyperGroup):
    """A group that lists its commands as `_MODULES` does; typer puts groups of commands, here `build`, last."""

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]
        """Names in the order of --help."""
        return [module.__name__.rpartition(".")[2].replace("_", "-") for module in _MODULES]


app = typer.Typer(
    name="tfland",
    cls=_InOrderOfUse,
    help="Landmark recognition from photographs: build shards, train, predict, verify, score.",
    epilog="Exit codes: 0 done; 1 failed check, missing file; 2 invalid options, configuration, CSV; "
    "3 done, with refusals. --debug, anywhere, shows tracebacks.",
    context_settings=CONTEXT_SETTINGS,
    no_args_is_help=True,
    add_completion=False,
)
for module in _MODULES:
    module.register(app)


def main() -> None:
    """Entry point of the console script `tfland`."""
    sys.exit(run_app(app))


def train_main() -> None:
    """Entry point of the console script `tfland-train`, the same as `tfland train`."""
    sys.exit(run_app(app, ["train", *sys.argv[1:]]))
