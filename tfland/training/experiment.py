"""One experiment from its configuration to a model directory; can be killed at any moment and run again."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfland.config import ExperimentConfig, TrainingConfig
from tfland.data.labels import check_same_labels, read_label_map
from tfland.data.photographs import Photographs, open_photographs
from tfland.data.pipeline import evaluation_dataset, steps_at_epoch_end, training_dataset
from tfland.losses.build import build_loss
from tfland.models.batch_norm import synchronize_batch_norm
from tfland.training.checkpoints import Checkpoints, check_fingerprint, claim_folder, fingerprint
from tfland.training.evaluation import Evaluator
from tfland.training.loop import Run, run_epochs
from tfland.training.model_dir import CHECKPOINTS_FOLDER, LOGS_FOLDER, read_metrics, weights_digest, write_model
from tfland.training.optimizers import build_optimizer
from tfland.training.progress import Board, History
from tfland.training.schedules import Schedule
from tfland.training.strategy import distribute, make_strategy
from tfland.training.tasks import build_network
from tfland.training.trainer import Trainer
from tfrecords_builder import schema

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class TrainResult:
    """A finished run.

    Attributes:
        model_dir: holds model.keras, config.yaml, labels.csv, metrics.json, curves.png, checkpoints/ and logs/.
        metrics: what metrics.json holds: "final" (the last epoch's scores), "epochs" (all of them), sizes, and
            "weights_sha256".
    """

    model_dir: Path
    metrics: dict[str, Any]


def train(config: ExperimentConfig) -> TrainResult:
    """Trains, or goes on training, or finds that the run is finished.

    Sets the process's random seeds, and with `training.deterministic` TensorFlow's op determinism.

    Args:
        config: the experiment.

    Raises:
        ValueError: settings or data that do not fit each other, labels out of range, or a model directory of another
            configuration.
        FileNotFoundError: shards, their offsets, labels or start weights are missing.
        CheckFailed: a corrupt record, or a loss that is not finite.
    """
    folder = Path(config.training.model_dir)
    photographs = open_photographs(config.data)
    if (folder / schema.LABELS_FILE).exists():
        check_same_labels(read_label_map(folder), photographs.label_map, config.data.shards)
    identity = fingerprint(config, photographs.digest())
    check_fingerprint(folder, identity)
    if (metrics := read_metrics(folder)) is not None:
        logger.info("%s is finished; nothing to do", folder)
        return TrainResult(model_dir=folder, metrics=metrics)
    with _settings_of_process(config.training):
        strategy = make_strategy(config.training.strategy, config.training.batch_size)
        plain, network = _build(config, len(photographs.label_map), strategy)
        claim_folder(folder, identity)
        run = _start(config, photographs, network, strategy)
        logger.info("%s", _describe(config, photographs, network, strategy))
        run_epochs(run)
        plain.set_weights(network.get_weights())
        metrics = _metrics(plain, photographs, run)
        write_model(folder, config, photographs.label_map, plain, metrics)
    return TrainResult(model_dir=folder, metrics=metrics)


@contextmanager
def _settings_of_process(training: TrainingConfig) -> Iterator[None]:
    """Seeds, determinism and the precision policy; the policy is put back."""
    keras.utils.set_random_seed(training.seed)
    if training.deterministic:
        tf.config.experimental.enable_op_determinism()
    before = keras.mixed_precision.dtype_policy()
    policies = {"float32": "float32", "bfloat16": "mixed_bfloat16"}
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


def _start(
    config: ExperimentConfig,
    photographs: Photographs,
    network: keras.Model,
    strategy: tf.distribute.Strategy,
) -> Run:
    """Puts the parts of a run together and restores its last checkpoint."""
    training, folder = config.training, Path(config.training.model_dir)
    num_records = len(photographs.training)
    num_steps = steps_at_epoch_end(num_records, training.batch_size, training.epochs)
    schedule = Schedule(config.schedule, num_records / training.batch_size, num_steps)
    loss = build_loss(
        config.loss, np.bincount(photographs.training_labels, minlength=len(photographs.label_map)).tolist()
    )
    with strategy.scope():
        optimizer = build_optimizer(config.optimizer, schedule, network.trainable_variables)
    trainer, history = Trainer(network, loss, optimizer, config, strategy), History()
    checkpoints = Checkpoints(
        folder / CHECKPOINTS_FOLDER,
        network,
        optimizer,
        totals=trainer.totals,
        history=history.variable,
    )
    checkpoints.restore()
    # After restoring: the data set begins at the step that comes next.
    dataset = training_dataset(
        photographs.training,
        config.data,
        batch_size=training.batch_size,
        seed=training.seed,
        start_step=trainer.step,
        num_steps=num_steps,
    )
    trainer.train_dataset = distribute(strategy, dataset)
    evaluator = None
    if photographs.validation is not None:
        validation = evaluation_dataset(photographs.validation, config.data, batch_size=training.batch_size)
        evaluator = Evaluator(network, loss, config, strategy, validation)
    return Run(
        config=config,
        trainer=trainer,
        evaluator=evaluator,
        training=photographs.training,
        validation=photographs.validation,
        validation_labels=photographs.validation_labels,
        checkpoints=checkpoints,
        history=history,
        board=Board(folder / LOGS_FOLDER, training.batch_size),
        schedule=schedule,
        num_steps=num_steps,
    )


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
    epochs = run.history.epochs
    return {
        "final": epochs[-1],
        "epochs": epochs,
        "num_steps": run.num_steps,
        "num_classes": len(photographs.label_map),
        "num_training_photographs": len(photographs.training),
        "num_parameters": network.count_params(),
        "weights_sha256": weights_digest(network),
    }
