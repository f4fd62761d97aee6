"""The option --workers of commands."""

import os
from typing import Annotated

import typer

Workers = Annotated[int, typer.Option(help="Processes; 0 takes one for each core.")]


def processes(workers: int) -> int:
    """Returns the number of processes that --workers asks for."""
    # The cores that this process may use, which in a container are fewer than the machine has.
    return len(os.sched_getaffinity(0)) if workers == 0 else workers
