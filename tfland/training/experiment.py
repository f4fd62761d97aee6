"""One experiment from its configuration to a model directory; can be killed at any moment and run again."""

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfland.config import ExperimentConfig, TrainingConfig
from tfland.data.bad_records import BAD_RECORDS_FILE
from tfland.data.labels import check_same_labels, read_label_map
from tfland.data.photographs import Photographs, open_photographs
from tfland.machines.devices import cpu_warning, look_at_machine
from tfland.models.batch_norm import synchronize_batch_norm
from tfland.training.assembly import assemble
from tfland.training.checkpoints import check_fingerprint, claim_folder, fingerprint
from tfland.training.loop import Run, run_epochs
from tfland.training.model_dir import keep_best, read_metrics, write_model
from tfland.training.progress import Epoch
from tfland.training.strategy import make_strategy, sum_over_workers, worker_of
from tfland.training.tasks import build_network
from tfrecords_builder import schema

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class TrainResult:
    """A finished run.

    Attributes:
        model_dir: holds model.keras (the weights of the best validation), last.keras (the last ones), config.yaml,
            labels.csv, metrics.json, curves.png, checkpoints/ and logs/.
        metrics: what metrics.json holds: "final" (the last epoch's scores), "best" (those of model.keras), "epochs"
            (all of them), sizes, "weights_sha256" (of model.keras) and "last_weights_sha256" (of last.keras).
    """

    model_dir: Path
    metrics: dict[str, Any]


def train(config: ExperimentConfig, on_epoch: Callable[[Epoch], None] | None = None) -> TrainResult:
    """Trains, or goes on training, or finds that the run is finished.

    Sets the process's random seeds, and with `training.deterministic` TensorFlow's op determinism.

    Args:
        config: the experiment.
        on_epoch: called with the scores of each epoch when it ends; what it raises ends the run.

    Raises:
        ValueError: settings or data that do not fit each other, labels out of range, or a model directory of another
            configuration.
        FileNotFoundError: shards, their offsets, labels or start weights are missing.
        CheckFailed: a corrupt record, a loss that is not finite, or a worker that is gone.
        OSError: a worker did not join, or there is no TPU.
        Interrupted: SIGTERM came; a checkpoint was written.
    """
    folder = Path(config.training.model_dir)
    with _settings_of_process(config.training):
        # Before anything else uses TensorFlow: several workers must be connected first.
        strategy = make_strategy(config.training)
        photographs = open_photographs(config.data, folder / BAD_RECORDS_FILE, gate=config.task == "gate")
        identity = _check_folder(folder, config, photographs)
        if (metrics := read_metrics(folder)) is not None:
            logger.info("%s is finished; nothing to do", folder)
            return TrainResult(model_dir=folder, metrics=metrics)
        if warning := cpu_warning(look_at_machine(os.environ), _visible_devices()):
            logger.warning("%s", warning)
        is_chief = worker_of(strategy).is_chief
        plain, network = _build(config, len(photographs.label_map), strategy)
        if is_chief:
            claim_folder(folder, identity)
            if config.data.on_bad_record == "skip":
                photographs.write_bad_records(folder / BAD_RECORDS_FILE)
        run, export = assemble(config, photographs, network, plain, strategy, on_epoch)
        logger.info("%s", _describe(config, photographs, network, strategy))
        run_epochs(run)
        with export() as last:
            metrics = _metrics(last, photographs, run)
            if is_chief:
                metrics = write_model(folder, config, photographs.label_map, last, metrics)
                keep_best(folder, None)
        # No worker leaves before the chief has written everything: its absence would end the chief.
        sum_over_workers(strategy, np.zeros(1))
    return TrainResult(model_dir=folder, metrics=metrics)


def _check_folder(folder: Path, config: ExperimentConfig, photographs: Photographs) -> dict[str, Any]:
    """Refuses a model directory of other classes or settings; returns the run's identity."""
    if (folder / schema.LABELS_FILE).exists():
        check_same_labels(read_label_map(folder), photographs.label_map, config.data.shards)
    identity = fingerprint(config, photographs.digest())
    check_fingerprint(folder, identity)
    return identity


def _visible_devices() -> list[str]:
    return [device.device_type for device in tf.config.list_physical_devices()]


@contextmanager
def _settings_of_process(training: TrainingConfig) -> Iterator[None]:
    """Seeds, determinism and the precision policy; the policy is put back."""
    keras.utils.set_random_seed(training.seed)
    if training.deterministic:
        tf.config.experimental.enable_op_determinism()
    before = keras.mixed_precision.dtype_policy()
    policies = {"float32": "float32", "bfloat16": "mixed_bfloat16", "float16": "mixed_float16"}
    keras.mixed_precision.set_dtype_policy(policies[training.precision])
    try:
        yield
    finally:
        keras.mixed_precision.set_dtype_policy(before)


def _build(
    config: ExperimentConfig, num_classes: int, strategy: tf.distribute.Strategy
) -> tuple[keras.Model, keras.Model]:
    """The network that will be saved, and the one that is trained: another one on several replicas."""
    if strategy.num_replicas_in_sync == 1:
        with strategy.scope():
            network = build_network(config, num_classes)
        return network, network
    # The copy's batch normalisation is synchronised, which works on no other backend; the saved one's is plain.
    plain = build_network(config, num_classes)
    with strategy.scope():
        return plain, synchronize_batch_norm(plain)


def _describe(
    config: ExperimentConfig, photographs: Photographs, network: keras.Model, strategy: tf.distribute.Strategy
) -> str:
    validation = 0 if photographs.validation is None else len(photographs.validation)
    return (
        f"{config.task}: {network.name}, {network.count_params():,} parameters, {len(photographs.label_map)} classes, "
        f"{len(photographs.training)} photographs to train on and {validation} to validate on, "
        f"{strategy.num_replicas_in_sync} replica(s); {config}"
    )


def _metrics(network: keras.Model, photographs: Photographs, run: Run) -> dict[str, Any]:
    history = run.periods.history
    epochs = history.epochs
    return {
        "final": epochs[-1],
        "best": history.best(run.config.training.best_metric) or epochs[-1],
        "epochs": epochs,
        "num_steps": run.trainer.step,
        "num_classes": len(photographs.label_map),
        "num_training_photographs": len(photographs.training),
        "num_parameters": network.count_params(),
    }
