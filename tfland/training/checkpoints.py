"""Checkpoints of one run: everything that the next step depends on, and the configuration that it belongs to."""

import json
import logging
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from tfland.config import ExperimentConfig
from tfland.config_io import config_to_dict
from tfrecords_builder.atomic import atomic_write

logger = logging.getLogger(__name__)

_KEEP = 2
_FINGERPRINT_FILE = "fingerprint.json"
_NAME = "step"
# Settings that cannot change a weight: where files lie and how often some are written. The data are compared by their
# digest instead of their folder.
_FREE_KEYS = frozenset({"data.shards", "training.model_dir", "training.checkpoint_every_steps"})
# What TensorFlow raises for files that are cut short, no checkpoint at all, or of other variables.
_UNREADABLE = (tf.errors.OpError, AssertionError, LookupError, ValueError, RuntimeError)


class Checkpoints:
    """The checkpoints in one folder.

    TensorFlow writes a checkpoint's files first and names it in its state file last, so a run killed in between goes
    on from the one before.

    Args:
        folder: created if it is missing.
        network: its variables and the states of its random generators are saved.
        optimizer: its slots and its step counter are saved.
        extra: further variables by name.
    """

    def __init__(
        self,
        folder: Path,
        network: keras.Model,
        optimizer: Any,
        **extra: tf.Variable,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        # Lists, not the Keras objects: those would leave it open whether the seeds of dropout are among them.
        self._checkpoint = tf.train.Checkpoint(
            network=[variable.value for variable in network.variables],
            optimizer=[variable.value for variable in optimizer.variables],
            **extra,
        )
        self._manager = tf.train.CheckpointManager(
            self._checkpoint, str(folder), max_to_keep=_KEEP, checkpoint_name=_NAME
        )
        self._folder = folder
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
        """Writes a checkpoint of a step, and removes the oldest if there are too many."""
        self._manager.save(checkpoint_number=step)

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
    for key in [*wanted, *found]:
        if found.get(key) != wanted.get(key):
            what = "the shards" if key == "data" else key
            raise ValueError(
                f"{folder} belongs to another configuration: {what} was {found.get(key)!r} and is now "
                f"{wanted.get(key)!r}; give another training.model_dir, or delete this one to start anew"
            )


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
