"""`tfland calibrate`: the gate's threshold and honest confidences, from validation queries."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from tfland.cli.queries import ImagesOption, ShardsOption, WorkOption

_HELP = (
    "Tunes a system on validation queries: the threshold of its gate by GAP, and confidences that are probabilities of "
    "being right. Name the calibration.json that it writes in the system's YAML."
)


class Kind(StrEnum):
    """How confidences are calibrated."""

    ISOTONIC = "isotonic"
    TEMPERATURE = "temperature"


def register(app: typer.Typer) -> None:
    """Adds the command to an application."""
    app.command("calibrate", help=_HELP)(calibrate)


def calibrate(
    system: Annotated[Path, typer.Option(help="The system's YAML, as configs/seed000_system.yaml.")],
    solution: Annotated[Path, typer.Option(help="The validation queries: id,landmarks,Usage. Not those to be scored.")],
    out: Annotated[Path, typer.Option(help="Folder for calibration.json, tables and pictures.")],
    images: ImagesOption = None,
    shards: ShardsOption = None,
    kind: Annotated[Kind, typer.Option(help="isotonic: any method; temperature: method head.")] = Kind.ISOTONIC,
    min_right_kept: Annotated[float, typer.Option(help="Share of right predictions that the gate must keep.")] = 0.9,
    work: WorkOption = None,
) -> None:
    """Checks the options, asks the system and prints what was found."""
    if (images is None) == (shards is None):
        raise ValueError("which photographs? Give --images DIR, or --shards 'build/validation-*.tfrecord'")
    import dataclasses

    from delf_verify.sources import open_photographs
    from tfland.recognition.system_config import load_system
    from tfrecords_builder.catalog import read_solution
    from tfrecords_builder.terminal import Refused

    config = dataclasses.replace(load_system(system), calibration=None)
    answers = read_solution(solution)
    source = open_photographs(str(images) if shards is None else shards)
    # After the checks: loading TensorFlow takes seconds, and a wrong option should not.
    from tfland.metrics.scores import truth_of
    from tfland.recognition.observe import discard
    from tfland.recognition.system import System
    from tfland.recognition.system_tuning import calibrate as fit

    folder = work or out / "observations"
    opened, truth = System.load(config), truth_of(answers)
    refusal = None
    try:
        figures = fit(opened, truth, source, out, kind=kind.value, min_right_kept=min_right_kept, work=folder)
    except Refused as error:
        # Finished all the same: the pass is as little needed as without refusals.
        figures, refusal = {}, error
    if work is None:
        discard(folder)
    if refusal is not None:
        raise refusal
    for name, value in figures.items():
        typer.echo(f"{name:<24} {value:.4f}")
    typer.echo(f"written: {out / 'calibration.json'}; name it as calibration in {system}")
