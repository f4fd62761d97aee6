"""`python -m tfrecords_builder`: the commands of `tfland build` without tfland."""

from tfrecords_builder.cli import app
from tfrecords_builder.terminal import run_app

if __name__ == "__main__":
    raise SystemExit(run_app(app))
