"""Checkpoints of one run: everything that the next step depends on, and the configuration that it belongs to."""

import json
import logging
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from tfland.config import DataConfig, ExperimentConfig, TrainingConfig
from tfland.config_io import config_to_dict
from tfland.training.nonfinite import bad_variable
from tfrecords_builder.atomic import atomic_write
from tfrecords_builder.terminal import CheckFailed

logger = logging.getLogger(__name__)

_KEEP = 2
_FINGERPRINT_FILE = "fingerprint.json"
_NAME = "step"
# Settings that cannot change a weight: where files lie, how often some are written, when to warn. The data are compared
# by their digest instead of their folder.
_FREE_KEYS = frozenset(
    {
        "data.shards",
        "training.model_dir",
        "training.checkpoint_every_steps",
        "training.worker_timeout_seconds",
        "training.not_learning",
        "training.not_learning_steps",
    }
)
# What TensorFlow raises for files that are cut short, no checkpoint at all, or of other variables.
_UNREADABLE = (tf.errors.OpError, AssertionError, LookupError, ValueError, RuntimeError)


class Checkpoints:
    """The checkpoints in one folder.

    TensorFlow writes a checkpoint's files first and names it in its state file last, so a run killed in between goes
    on from the one before.

    With several workers every one of them must save, since reading a variable can take all of them, but two in one
    folder destroy each other's files: the chief's are kept, those of the others go to a folder that is thrown away.
    All restore the chief's.

    Args:
        folder: created if it is missing; all workers see the same.
        network: its variables and the states of its random generators are saved.
        optimizer: its slots and its step counter are saved.
        is_chief: whether this process's checkpoints are those that are kept.
        extra: further variables by name.
    """

    def __init__(
        self,
        folder: Path,
        network: keras.Model,
        optimizer: Any,
        *,
        is_chief: bool = True,
        **extra: Any,
    ) -> None:
        self._variables = [*network.variables, *optimizer.variables, *tf.nest.flatten(extra)]
        # Lists, not the Keras objects: those would leave it open whether the seeds of dropout are among them.
        self._checkpoint = tf.train.Checkpoint(
            network=[variable.value for variable in network.variables],
            optimizer=[variable.value for variable in optimizer.variables],
            **extra,
        )
        self._manager = tf.train.CheckpointManager(
            self._checkpoint, str(folder), max_to_keep=_KEEP, checkpoint_name=_NAME
        )
        self._folder, self._is_chief = folder, is_chief
        if is_chief:
            folder.mkdir(parents=True, exist_ok=True)
            self._remove_leftovers()

    def restore(self) -> bool:
        """Restores the last whole checkpoint; returns whether there was one.

        Raises:
            OSError: there are checkpoints, but none can be read.
        """
        paths = list(reversed(self._manager.checkpoints))
        for path in paths:
            try:
                self._checkpoint.restore(path).assert_consumed()
            except _UNREADABLE as error:
                logger.warning("checkpoint %s cannot be read (%s); trying the one before", path, error)
            else:
                logger.info("going on from checkpoint %s", path)
                return True
        if paths:
            raise OSError(f"no checkpoint in {self._folder} can be read; delete the folder to train from the start")
        return False

    def save(self, step: int) -> None:
        """Writes a checkpoint of a step, and removes the oldest if there are too many.

        Raises:
            CheckFailed: a number in it is not finite; nothing is written.
        """
        if (bad := bad_variable(self._variables)) is not None:
            raise CheckFailed(
                f"after step {step} variable {bad!r} is not finite; no checkpoint of it is written, those before "
                "it are kept"
            )
        if self._is_chief:
            self._manager.save(checkpoint_number=step)
            return
        with tempfile.TemporaryDirectory(prefix="tfland-checkpoint-") as folder:
            self._checkpoint.write(str(Path(folder) / _NAME))

    def _remove_leftovers(self) -> None:
        """Removes what a killed run left: files of checkpoints that the state file does not name."""
        known = {Path(path).name for path in self._manager.checkpoints}
        for path in self._folder.glob(f"{_NAME}-*"):
            if path.name.partition(".")[0] not in known:
                if path.is_dir():
                    shutil.rmtree(path)
                else:
                    path.unlink()


def fingerprint(config: ExperimentConfig, data_digest: str) -> dict[str, Any]:
    """Everything that decides a run's weights, as flat keys: settings and the data's digest.

    Args:
        config: the experiment.
        data_digest: identity of records and labels.
    """
    settings = {key: value for key, value in _flatten(config_to_dict(config)) if key not in _FREE_KEYS}
    return {**settings, "data": data_digest}


def check_fingerprint(folder: Path, wanted: dict[str, Any]) -> None:
    """Refuses a model directory that another configuration has begun; an empty or missing one is fine.

    A setting that an earlier version did not know had its default there.

    Raises:
        ValueError: the first key that differs, and both its values; or a broken fingerprint.
    """
    path = folder / _FINGERPRINT_FILE
    if not path.exists():
        return
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is not JSON ({error}); delete {folder} to start anew") from error
    defaults = _default_settings()
    for key in [*wanted, *found]:
        if key in _FREE_KEYS:
            continue
        before = found.get(key, defaults.get(key))
        if before != wanted.get(key):
            what = "the shards" if key == "data" else key
            raise ValueError(
                f"{folder} belongs to another configuration: {what} was {before!r} and is now "
                f"{wanted.get(key)!r}; give another training.model_dir, or delete this one to start anew"
            )


def _default_settings() -> dict[str, Any]:
    required = ExperimentConfig(data=DataConfig(shards="-"), training=TrainingConfig(model_dir="-"))
    return dict(_flatten(config_to_dict(required)))


def claim_folder(folder: Path, identity: dict[str, Any]) -> None:
    """Marks a model directory as that of one configuration; to be called before anything else is written there."""
    with atomic_write(folder / _FINGERPRINT_FILE) as file:
        json.dump(identity, file, indent=2)


def _flatten(values: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
