"""Lets `python -m delf_verify` run the commands of this package."""

import sys

from delf_verify.cli import app
from tfrecords_builder.terminal import run_app

if __name__ == "__main__":
    sys.exit(run_app(app))
