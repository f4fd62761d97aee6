"""search.png: how a search went, which parameters mattered, and where their good values lie."""

import io
import math
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.trial import FrozenTrial, TrialState

from tfrecords_builder.atomic import atomic_write

# Importance is a guess from a forest; from fewer trials it is noise.
_MIN_FOR_IMPORTANCE = 4
_COLUMNS = 3
_BLUE, _ORANGE, _GREY = "#2b6cb0", "#dd6b20", "#a0aec0"


def write_plot(study: optuna.Study, metric: str, path: Path) -> None:
    """Draws the values trial by trial with the best so far, the importances, and the values against each parameter.

    Args:
        study: with at least one complete trial.
        metric: name of the value.
        path: the PNG.

    Raises:
        OSError: the file cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    trials = study.get_trials(deepcopy=False)
    complete = [trial for trial in trials if trial.state is TrialState.COMPLETE]
    names = list(complete[0].params)
    rows = math.ceil((2 + len(names)) / _COLUMNS)
    figure = Figure(figsize=(4.2 * _COLUMNS, 3.2 * rows), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, _COLUMNS, squeeze=False).ravel().tolist()
    _draw_history(axes[0], study, trials, metric)
    _draw_importances(axes[1], study, complete)
    for panel, name in zip(axes[2:], names, strict=False):
        _draw_slice(panel, name, complete, study.best_trial, metric)
    for panel in axes[2 + len(names) :]:
        panel.set_visible(False)
    picture = io.BytesIO()
    # Without the version of matplotlib in it the same trials give the same bytes everywhere.
    figure.savefig(picture, format="png", dpi=100, metadata={"Software": None})
    with atomic_write(path, "wb") as file:
        file.write(picture.getvalue())


def importances(study: optuna.Study) -> dict[str, float]:
    """The share of the metric's variance that each parameter explains, largest first (fANOVA, Hutter et al. 2014).

    Empty where there are too few complete trials, or all have one value.
    """
    values = [t.values[0] for t in study.get_trials(deepcopy=False) if t.state is TrialState.COMPLETE and t.values]
    if len(values) < _MIN_FOR_IMPORTANCE or len(set(values)) == 1:
        return {}
    evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
    return dict(optuna.importance.get_param_importances(study, evaluator=evaluator))


def _draw_history(panel: Any, study: optuna.Study, trials: list[FrozenTrial], metric: str) -> None:
    complete = [trial for trial in trials if trial.state is TrialState.COMPLETE and trial.values]
    numbers, values = [trial.number + 1 for trial in complete], [trial.values[0] for trial in complete]
    pruned = [t for t in trials if t.state is TrialState.PRUNED and t.intermediate_values]
    is_small_good = study.direction is optuna.study.StudyDirection.MINIMIZE
    best = np.minimum.accumulate(values) if is_small_good else np.maximum.accumulate(values)
    panel.plot(numbers, values, "o", color=_BLUE, markersize=5, label="complete")
    if pruned:
        last = [trial.intermediate_values[max(trial.intermediate_values)] for trial in pruned]
        panel.plot([t.number + 1 for t in pruned], last, "x", color=_GREY, label="stopped early")
    panel.step(numbers, best, where="post", color=_ORANGE, label="best so far")
    panel.set(title="trials", xlabel="trial", ylabel=metric)
    panel.xaxis.get_major_locator().set_params(integer=True)
    panel.grid(visible=True, alpha=0.3)
    panel.legend(fontsize=8)


def _draw_importances(panel: Any, study: optuna.Study, complete: list[FrozenTrial]) -> None:
    shares = importances(study)
    panel.set(title="importance (fANOVA)", xlim=(0, 1), xlabel="share of the variance")
    if not shares:
        note = f"{len(complete)} complete trials\nare too few, or all are equal"
        panel.text(0.5, 0.5, note, ha="center", va="center", transform=panel.transAxes, color="#4a5568")
        panel.set_yticks([])
        return
    names = list(reversed(shares))
    panel.barh(names, [shares[name] for name in names], color=_BLUE)
    panel.grid(visible=True, axis="x", alpha=0.3)


def _draw_slice(panel: Any, name: str, complete: list[FrozenTrial], best: FrozenTrial, metric: str) -> None:
    distribution = best.distributions[name]
    choices: tuple[Any, ...] = ()
    if isinstance(distribution, optuna.distributions.CategoricalDistribution):
        choices = tuple(distribution.choices)
        # All of them, tried or not, in the order of the configuration.
        panel.plot([str(choice) for choice in choices], [math.nan] * len(choices))

    def place(trial: FrozenTrial) -> Any:
        return str(trial.params[name]) if choices else trial.params[name]

    panel.plot(
        [place(trial) for trial in complete], [trial.values[0] for trial in complete], "o", color=_BLUE, alpha=0.7
    )
    panel.plot([place(best)], [best.values[0]], "o", color=_ORANGE, markersize=9, label="best")
    if getattr(distribution, "log", False):
        panel.set_xscale("log")
    panel.set(title=name, ylabel=metric)
    panel.grid(visible=True, alpha=0.3)
    panel.legend(fontsize=8)
