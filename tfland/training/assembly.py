"""Puts the parts of a run together and restores its last checkpoint."""

import dataclasses
import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfland.config import ExperimentConfig
from tfland.data.photographs import Photographs
from tfland.data.pipeline import evaluation_dataset, raise_bad_record, training_dataset
from tfland.data.records import RecordIndex
from tfland.losses.build import TrainingLoss, build_loss
from tfland.training.checkpoints import Checkpoints
from tfland.training.evaluation import Evaluator, Split, allowed_classes
from tfland.training.knn import choose_index
from tfland.training.loop import Run
from tfland.training.model_dir import CHECKPOINTS_FOLDER, LOGS_FOLDER
from tfland.training.periods import Periods, blind_loss
from tfland.training.progress import Board, Epoch, History
from tfland.training.schedules import Schedule
from tfland.training.strategy import Worker, distribute, sum_over_workers, worker_of
from tfland.training.timetable import Timetable
from tfland.training.trainer import Trainer

logger = logging.getLogger(__name__)

# Gives the network that is saved, with the weights of now: the averaged ones, where there is an average.
Export = Callable[[], AbstractContextManager[keras.Model]]


def assemble(
    config: ExperimentConfig,
    photographs: Photographs,
    network: keras.Model,
    export_to: keras.Model,
    strategy: tf.distribute.Strategy,
    on_epoch: Callable[[Epoch], None] | None = None,
) -> tuple[Run, Export]:
    """The parts of a run, at the step of its last checkpoint; every worker calls it.

    Args:
        config: the experiment.
        photographs: its data.
        network: made in the strategy's scope.
        export_to: the network that is saved; the same one on one replica.
        strategy: the devices.
        on_epoch: called with each new entry of the history.

    Raises:
        OSError: no checkpoint can be read, or workers do not see the same ones.
        ValueError: settings that do not fit the data.
    """
    training, folder, worker = config.training, Path(config.training.model_dir), worker_of(strategy)
    num_classes = len(photographs.label_map)
    timetable = Timetable(training, len(photographs.training))
    schedule = Schedule(config.schedule, timetable.steps_per_epoch, timetable.num_steps)
    loss = build_loss(config.loss, np.bincount(photographs.training_labels, minlength=num_classes).tolist())
    trainer = Trainer(network, loss, schedule, config, strategy, timetable.steps_per_epoch)
    history = History()
    checkpoints = _restored_checkpoints(folder, network, trainer, history, worker)
    _check_same_step(strategy, trainer.step, folder)
    # After restoring: the data set begins at the step that comes next.
    trainer.train_dataset = _training_batches(config, photographs, strategy, trainer.step, timetable.num_steps)
    board = Board(folder / LOGS_FOLDER if worker.is_chief else None, training.batch_size)
    export = _export(trainer, network, export_to)
    periods = Periods(
        training,
        timetable,
        trainer.totals,
        history,
        board,
        rate=schedule,
        validate=_validation(config, photographs, network, loss, trainer, strategy),
        export=export,
        blind_loss=blind_loss(loss, photographs.training_labels, num_classes),
        is_chief=worker.is_chief,
        on_epoch=on_epoch,
    )
    run = Run(
        config=config,
        strategy=strategy,
        trainer=trainer,
        photographs=photographs,
        timetable=timetable,
        periods=periods,
        checkpoints=checkpoints,
        board=board,
        schedule=schedule,
    )
    return run, export


def _restored_checkpoints(
    folder: Path, network: keras.Model, trainer: Trainer, history: History, worker: Worker
) -> Checkpoints:
    checkpoints = Checkpoints(
        folder / CHECKPOINTS_FOLDER,
        network,
        trainer.optimizer,
        is_chief=worker.is_chief,
        **trainer.state,
        history=history.variable,
    )
    checkpoints.restore()
    return checkpoints


def _export(trainer: Trainer, network: keras.Model, export_to: keras.Model) -> Export:
    @contextmanager
    def export() -> Iterator[keras.Model]:
        with trainer.judged_weights():
            if export_to is not network:
                export_to.set_weights(network.get_weights())
            yield export_to

    return export


def _training_batches(
    config: ExperimentConfig,
    photographs: Photographs,
    strategy: tf.distribute.Strategy,
    start_step: int,
    num_steps: int,
) -> Any:
    training = config.training

    def part(worker: Worker) -> tf.data.Dataset:
        return training_dataset(
            photographs.training,
            config.data,
            batch_size=training.batch_size,
            seed=training.seed,
            start_step=start_step,
            num_steps=num_steps,
            labels=photographs.training_labels,
            worker=worker.rank,
            num_workers=worker.count,
        )

    return distribute(strategy, training.batch_size, part)


def _validation(
    config: ExperimentConfig,
    photographs: Photographs,
    network: keras.Model,
    loss: TrainingLoss,
    trainer: Trainer,
    strategy: tf.distribute.Strategy,
) -> Callable[[], dict[str, float]] | None:
    """What scores the validation photographs with the weights of now; None where there are none."""
    if photographs.validation is None:
        return None
    records, batch_size = [photographs.validation], config.training.batch_size

    def split(index: RecordIndex, labels: np.ndarray) -> Split:
        def part(worker: Worker) -> tf.data.Dataset:
            numbers = rows_of_worker(len(index), batch_size, worker)
            return evaluation_dataset(_subset(index, numbers), config.data, batch_size=batch_size // worker.count)

        return Split(batches=distribute(strategy, batch_size, part), labels=labels)

    validation, index = split(photographs.validation, photographs.validation_labels), None
    if config.training.knn != "off":
        allowed = allowed_classes(config, photographs.validation_labels, len(photographs.label_map))
        labels, per_class = photographs.training_labels, config.training.knn_images_per_class
        numbers = choose_index(labels, allowed, per_class, config.training.seed)
        if len(numbers):
            records.append(_subset(photographs.training, numbers))
            index = split(records[1], labels[numbers])
    evaluator = Evaluator(network, loss, config, strategy, validation, index)

    def validate() -> dict[str, float]:
        try:
            with trainer.judged_weights():
                return evaluator.evaluate()
        except tf.errors.OpError:
            for part in records:
                raise_bad_record(part, np.arange(len(part)))
            raise

    return validate


def rows_of_worker(count: int, batch_size: int, worker: Worker) -> np.ndarray:
    """Which photographs a worker evaluates: its rows of every batch of all.

    Args:
        count: N, photographs of the split.
        batch_size: B over all workers.
        worker: the worker.

    Returns:
        [⌈N / B⌉ · B / count] int64; the last photograph once more where a batch has none left.
    """
    filled = np.minimum(np.arange(-(-count // batch_size) * batch_size), count - 1)
    return filled.reshape(-1, worker.count, batch_size // worker.count)[:, worker.rank].ravel()


def _subset(index: RecordIndex, numbers: np.ndarray) -> RecordIndex:
    return dataclasses.replace(index, shard_numbers=index.shard_numbers[numbers], offsets=index.offsets[numbers])


def _check_same_step(strategy: tf.distribute.Strategy, step: int, folder: Path) -> None:
    """Refuses workers of which one does not see the chief's checkpoint."""
    worker = worker_of(strategy)
    steps = np.zeros(worker.count)
    steps[worker.rank] = step
    steps = sum_over_workers(strategy, steps)
    if len(set(steps.tolist())) > 1:
        found = ", ".join(f"worker {rank} step {step:.0f}" for rank, step in enumerate(steps))
        raise OSError(
            f"the workers found different checkpoints in {folder} ({found}); training.model_dir must lie on a file "
            "system that all of them share"
        )
