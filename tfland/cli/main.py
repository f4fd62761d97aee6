"""`tfland`, the umbrella over all commands, and `tfland-train`."""

import sys

import typer

from tfland.cli import build, demo, doctor, match, predict, report, score, toyworld, train, tune, verify
from tfrecords_builder.terminal import CONTEXT_SETTINGS, run_app

app = typer.Typer(
    name="tfland",
    help="Landmark recognition from photographs: build shards, train, predict, verify, score.",
    epilog="Exit codes: 0 done; 1 failed check, missing file; 2 invalid options, configuration, CSV; "
    "3 done, with refusals. --debug, anywhere, shows tracebacks.",
    context_settings=CONTEXT_SETTINGS,
    no_args_is_help=True,
    add_completion=False,
)
# In the order of use, which is the order that --help shows.
for module in (demo, toyworld, build, train, predict, verify, tune, match, score, report, doctor):
    module.register(app)


def main() -> None:
    """Entry point of the console script `tfland`."""
    sys.exit(run_app(app))


def train_main() -> None:
    """Entry point of the console script `tfland-train`, the same as `tfland train`."""
    sys.exit(run_app(app, ["train", *sys.argv[1:]]))
