"""trials.csv."""

import csv
from pathlib import Path

import optuna

from tfland.hyperparameters.tables import REASON, write_trials


def test_every_trial_has_a_row_whatever_became_of_it(tmp_path: Path) -> None:
    study = optuna.create_study(direction="maximize")
    for value in (0.25, None, "pruned"):
        trial = study.ask()
        trial.suggest_categorical("model.head", ["linear"])
        if value == "pruned":
            study.tell(trial, state=optuna.trial.TrialState.PRUNED)
        elif value is None:
            trial.set_user_attr(REASON, 'a comma, and a "quote"')
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
        else:
            study.tell(trial, value)
    study.ask()
    write_trials(study.get_trials(), ["model.head", "model.dropout"], "gap", tmp_path / "trials.csv")
    rows = list(csv.reader((tmp_path / "trials.csv").open()))
    assert rows == [
        ["trial", "state", "gap", "model.head", "model.dropout", "reason"],
        ["0", "complete", "0.25", "linear", "", ""],
        ["1", "fail", "", "linear", "", 'a comma, and a "quote"'],
        ["2", "pruned", "", "linear", "", ""],
        ["3", "running", "", "", "", ""],
    ]
