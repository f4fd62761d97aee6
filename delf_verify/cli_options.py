"""Options that several commands of verification share."""

import os
from typing import Annotated

import typer

FeaturesOption = Annotated[
    str, typer.Option(help="sift, sift:oriented, delf:DIR (fitted) or savedmodel:DIR (official).")
]
WorkersOption = Annotated[int, typer.Option(min=1, help="Processes; results do not depend on them.")]
CPUS = os.cpu_count() or 1
