"""Runs the trials of a search. The study lies in SQLite, so that any number of processes may work on it.

A trial belongs to the process that holds its lock, which the kernel drops when the process ends, however it ends. A
trial without a holder is taken over by the next process and its training goes on from its last checkpoint: killing a
search costs no trial, and with one process at a time does not change any later one.
"""

import contextlib
import fcntl
import json
import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import TrialState

from tfland.config import ExperimentConfig
from tfland.config_io import config_to_dict, save_config
from tfland.hyperparameters.config import SearchConfig
from tfland.hyperparameters.plots import write_plot
from tfland.hyperparameters.tables import REASON, write_trials
from tfrecords_builder.json_files import read_object, write_json
from tfrecords_builder.terminal import CheckFailed, progress

logger = logging.getLogger(__name__)

STUDY_FILE = "study.db"
BEST_FILE = "best.yaml"
TRIALS_FILE = "trials.csv"
PLOT_FILE = "search.png"
TRIALS_FOLDER = "trials"
_IDENTITY_FILE = "search.json"
# The picture takes seconds; short trials would wait for it.
_SECONDS_BETWEEN_RESULTS = 60.0
_STUDY_LOCK = ".study.lock"
_NAME = "tfland"


@dataclass(frozen=True, kw_only=True)
class SearchResult:
    """A finished search.

    Attributes:
        settings: the best values, by key.
        value: of the metric.
        config: best.yaml, what `tfland train` takes.
        trials: trials that were trained to their end, and all.
    """

    settings: dict[str, Any]
    value: float
    config: Path
    trials: tuple[int, int]


def run_search(config: SearchConfig) -> SearchResult:
    """Runs what is left of a search; other processes may run the same one beside it.

    Writes study.db, trials/NUMBER (a model directory each), trials.csv, search.png and best.yaml into `config.out`.

    Raises:
        ValueError: the folder holds another search, or no epoch has the metric.
        CheckFailed: no trial was trained to its end.
        OSError: a file cannot be read or written.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    config.out.mkdir(parents=True, exist_ok=True)
    _claim(config)
    with progress("search", config.num_trials, "trials") as shown:
        study = _open_study(config)
        shown.skip(_count_finished(study))
        drawn = time.monotonic()
        while (owned := _next_trial(study, config)) is not None:
            trial, lock = owned
            with lock:
                _run_trial(study, trial, config)
            shown.advance(1)
            if time.monotonic() - drawn > _SECONDS_BETWEEN_RESULTS:
                _write_results(study, config)
                drawn = time.monotonic()
    result = _write_results(study, config)
    if result is None:
        trials = study.get_trials(deepcopy=False)
        reason = trials[-1].user_attrs.get(REASON, trials[-1].state.name.lower())
        raise CheckFailed(f"none of {len(trials)} trials was trained to its end; the last one: {reason}")
    return result


def _write_results(study: optuna.Study, config: SearchConfig) -> SearchResult | None:
    """Writes trials.csv, search.png and best.yaml from what is done; None where no trial is complete yet."""
    trials = study.get_trials(deepcopy=False)
    write_trials(trials, list(config.space), config.metric, config.out / TRIALS_FILE)
    complete = sum(trial.state is TrialState.COMPLETE for trial in trials)
    if not complete:
        return None
    best = study.best_trial
    write_plot(study, config.metric, config.out / PLOT_FILE)
    save_config(config.trial_experiment(best.params, config.out / "best"), config.out / BEST_FILE)
    return SearchResult(
        settings={key: best.params[key] for key in config.space},
        value=float(best.values[0]),
        config=config.out / BEST_FILE,
        trials=(complete, len(trials)),
    )


def _open_study(config: SearchConfig) -> optuna.Study:
    pruner: optuna.pruners.BasePruner = optuna.pruners.NopPruner()
    if config.prune_after_epochs is not None:
        pruner = optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=config.prune_after_epochs)
    with _locked(config.out / _STUDY_LOCK):
        return optuna.create_study(
            # A writer waits for the others' transactions instead of failing.
            storage=optuna.storages.RDBStorage(
                f"sqlite:///{config.out / STUDY_FILE}", engine_kwargs={"connect_args": {"timeout": 60}}
            ),
            study_name=_NAME,
            pruner=pruner,
            direction="minimize" if config.minimize else "maximize",
            load_if_exists=True,
        )


def _sampler(config: SearchConfig, number: int) -> optuna.samplers.BaseSampler:
    """The sampler of one trial: what it draws follows from the trial's number and the trials before it."""
    seed = config.seed * 1_000_003 + number
    if config.sampler == "tpe":
        return optuna.samplers.TPESampler(seed=seed, multivariate=True)
    return optuna.samplers.RandomSampler(seed=seed)


def _next_trial(study: optuna.Study, config: SearchConfig) -> tuple[optuna.Trial, contextlib.ExitStack] | None:
    """Takes over a trial that its process left, or begins a new one; None where neither is left."""
    with _locked(config.out / _STUDY_LOCK):
        trials = study.get_trials(deepcopy=False)
        for left in trials:
            if left.state is not TrialState.RUNNING or (lock := _try_lock(_folder(config, left.number))) is None:
                continue
            # Its process may have ended it, and dropped the lock, after the list was read.
            if study.get_trials(deepcopy=False)[left.number].state is TrialState.RUNNING:
                logger.info("trial %d was left unfinished; it goes on", left.number + 1)
                study.sampler = _sampler(config, left.number)
                return optuna.Trial(study, left._trial_id), lock
            lock.close()
        waiting = any(trial.state is TrialState.WAITING for trial in trials)
        number = len(trials) - waiting
        if number >= config.num_trials:
            return None
        study.sampler = _sampler(config, number)
        if config.sampler == "grid" and not waiting:
            study.enqueue_trial(config.grid()[number])
        trial = study.ask()
        lock = _try_lock(_folder(config, trial.number))
        if lock is None:
            raise OSError(f"{_folder(config, trial.number)} is locked by a process that is no part of this search")
        return trial, lock


def _run_trial(study: optuna.Study, trial: optuna.Trial, config: SearchConfig) -> None:
    """Trains one trial and tells the study how good it became.

    Raises:
        ValueError: no epoch has the metric.
    """
    settings = {key: parameter.suggest(trial, key) for key, parameter in config.space.items()}
    logger.info("trial %d of %d: %s", trial.number + 1, config.num_trials, json.dumps(settings))
    try:
        experiment = config.trial_experiment(settings, _folder(config, trial.number))
        epochs = _train(experiment, trial, config)
    except optuna.TrialPruned:
        study.tell(trial, state=TrialState.PRUNED)
    except (CheckFailed, ValueError) as error:
        # Settings that do not go together and losses that explode are findings, not the end of the search.
        logger.warning("trial %d has no value: %s", trial.number + 1, error)
        trial.set_user_attr(REASON, str(error))
        study.tell(trial, state=TrialState.FAIL)
    else:
        study.tell(trial, _value(epochs, config))


def _train(experiment: ExperimentConfig, trial: optuna.Trial, config: SearchConfig) -> list[dict[str, float]]:
    import keras

    from tfland.training import train

    known = _reported(trial)

    def report(epoch: dict[str, float]) -> None:
        number = int(epoch["epoch"])
        if config.metric not in epoch or number in known:
            return
        trial.report(epoch[config.metric], number)
        if config.prune_after_epochs is not None and trial.should_prune():
            raise optuna.TrialPruned

    # Networks of earlier trials would stay in memory.
    keras.backend.clear_session()
    epochs: list[dict[str, float]] = train(experiment, on_epoch=report).metrics["epochs"]
    return epochs


def _reported(trial: optuna.Trial) -> frozenset[int]:
    """Epochs that were reported before the trial was taken over."""
    stored = trial.study.get_trials(deepcopy=False)[trial.number]
    return frozenset(stored.intermediate_values)


def _value(epochs: list[dict[str, float]], config: SearchConfig) -> float:
    values = [epoch[config.metric] for epoch in epochs if config.metric in epoch]
    if not values:
        raise ValueError(f"metric is {config.metric!r}; choose one of {', '.join(sorted(epochs[-1]))}")
    return float(min(values) if config.minimize else max(values))


def _count_finished(study: optuna.Study) -> int:
    return sum(trial.state.is_finished() for trial in study.get_trials(deepcopy=False))


def _folder(config: SearchConfig, number: int) -> Path:
    return config.out / TRIALS_FOLDER / f"{number:05d}"


def _claim(config: SearchConfig) -> None:
    """Marks the folder as that of one search.

    Raises:
        ValueError: it is another one's.
    """
    identity = {
        "experiment": config_to_dict(config.experiment),
        "space": {key: repr(parameter) for key, parameter in config.space.items()},
        "sampler": config.sampler,
        "metric": config.metric,
        "prune_after_epochs": config.prune_after_epochs,
        "seed": config.seed,
    }
    path = config.out / _IDENTITY_FILE
    if path.exists():
        there = read_object(path)
        for key, value in identity.items():
            if there.get(key) != value:
                raise ValueError(
                    f"{config.out} holds another search: its {key} differs; choose another out or delete it"
                )
        return
    write_json(path, identity)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _try_lock(folder: Path) -> contextlib.ExitStack | None:
    """The lock of a trial, to be released by leaving it, or None where another process holds it."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    stack = contextlib.ExitStack()
    file = stack.enter_context(folder.with_suffix(".lock").open("w"))
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        stack.close()
        return None
    return stack
