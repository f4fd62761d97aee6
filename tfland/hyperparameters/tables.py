"""trials.csv: every trial of a search."""

import csv
from collections.abc import Sequence
from pathlib import Path

from optuna.trial import FrozenTrial

from tfrecords_builder.atomic import atomic_write

# Why a trial has no value: settings that do not go together, a loss that was not finite.
REASON = "reason"


def write_trials(trials: Sequence[FrozenTrial], parameters: Sequence[str], metric: str, path: Path) -> None:
    """Writes one row a trial: number, state, the metric (empty without one), the parameters, and why it failed.

    Raises:
        OSError: the file cannot be written.
    """
    with atomic_write(path, newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["trial", "state", metric, *parameters, REASON])
        for trial in trials:
            value = "" if trial.values is None else trial.values[0]
            settings = [trial.params.get(name, "") for name in parameters]
            state = trial.state.name.lower()
            writer.writerow([trial.number, state, value, *settings, trial.user_attrs.get(REASON, "")])
