"""The outer loop: inner loops of a few seconds, and what happens between them."""

import logging
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from tfland.config import ExperimentConfig
from tfland.data.pipeline import batch_numbers, raise_bad_record, steps_at_epoch_end
from tfland.data.records import RecordIndex
from tfland.training.checkpoints import Checkpoints
from tfland.training.evaluation import Evaluator
from tfland.training.progress import Board, Epoch, History, describe
from tfland.training.trainer import CORRECT, EXAMPLES, LOSS, Trainer
from tfrecords_builder.terminal import CheckFailed, progress

logger = logging.getLogger(__name__)

# Steps between two reports: few enough to see life, many enough that TensorFlow is seldom left.
_SECONDS_PER_REPORT = 5.0
_MAX_STEPS_PER_REPORT = 100
# An error of the input comes up to this many steps before the batch that caused it.
_BATCHES_IN_FLIGHT = 16


@dataclass(frozen=True, kw_only=True)
class Run:
    """The parts of a run.

    Attributes:
        config: the experiment.
        trainer: does the steps.
        evaluator: scores the validation split, if there is one.
        training: the training records.
        validation: the validation records, if any.
        validation_labels: [M] int64, their classes.
        checkpoints: where the run is saved.
        history: scores of the epochs that are done.
        board: TensorBoard.
        schedule: step -> learning rate.
        num_steps: of the whole run.
    """

    config: ExperimentConfig
    trainer: Trainer
    evaluator: Evaluator | None
    training: RecordIndex
    validation: RecordIndex | None
    validation_labels: np.ndarray
    checkpoints: Checkpoints
    history: History
    board: Board
    schedule: Any
    num_steps: int


def run_epochs(run: Run) -> None:
    """Trains until the last step, from wherever the trainer stands.

    Raises:
        CheckFailed: a corrupt record, or a loss that is not finite.
    """
    batch_size = run.config.training.batch_size
    steps_per_report = 1
    with progress(f"train {run.config.task}", run.num_steps * batch_size, "photographs") as state:
        state.skip(run.trainer.step * batch_size)
        run.board.start_clock()
        while run.trainer.step < run.num_steps:
            num_steps = min(steps_per_report, _next_stop(run) - run.trainer.step)
            started = time.monotonic()
            _train(run, num_steps)
            steps_per_report = _steps_in_time(num_steps, time.monotonic() - started)
            state.advance(num_steps * batch_size)
            _stop(run)


def _epoch_end(run: Run) -> int:
    epoch = len(run.history.epochs) + 1
    return steps_at_epoch_end(len(run.training), run.config.training.batch_size, epoch)


def _next_stop(run: Run) -> int:
    """The next step after which something is due: a checkpoint or an epoch's end."""
    interval = run.config.training.checkpoint_every_steps
    return min((run.trainer.step // interval + 1) * interval, _epoch_end(run))


def _steps_in_time(num_steps: int, seconds: float) -> int:
    wanted = int(num_steps * _SECONDS_PER_REPORT / max(seconds, 1e-9))
    return min(max(wanted, 1), _MAX_STEPS_PER_REPORT)


def _train(run: Run, num_steps: int) -> None:
    trainer = run.trainer
    before = trainer.totals.numpy()
    try:
        trainer.train(tf.constant(num_steps))
    except tf.errors.OpError:
        _find_bad_record(run)
        raise
    if (bad_step := int(trainer.bad_step.numpy())) >= 0:
        raise CheckFailed(
            f"the loss of step {bad_step} is not a finite number; lower schedule.learning_rate "
            f"({run.config.schedule.learning_rate:g}) or set optimizer.clip_norm; checkpoints before it are kept"
        )
    done = trainer.totals.numpy() - before
    scores = {"train/loss": done[LOSS] / done[EXAMPLES], "train/top1": done[CORRECT] / done[EXAMPLES]}
    rate = float(run.schedule(trainer.step - 1))
    run.board.steps(trainer.step, num_steps, {**scores, "learning_rate": rate})


def _find_bad_record(run: Run) -> None:
    """Raises CheckFailed if one of the next batches holds a bad record."""
    training, step = run.config.training, run.trainer.step
    # From one step back: the counter does not wait for the batch and may be ahead of it.
    for suspect in range(max(step - 1, 0), min(step + _BATCHES_IN_FLIGHT, run.num_steps)):
        numbers = batch_numbers(len(run.training), training.seed, batch_size=training.batch_size, step=suspect)
        raise_bad_record(run.training, numbers)


def _stop(run: Run) -> None:
    """Ends an epoch and writes a checkpoint, where they are due."""
    step, training = run.trainer.step, run.config.training
    ends_epoch = step == _epoch_end(run)
    if ends_epoch:
        epoch = _finish_epoch(run)
        logger.info("%s", describe(epoch, training.epochs))
    if ends_epoch or step % training.checkpoint_every_steps == 0:
        run.checkpoints.save(step)
        run.board.start_clock()


def _finish_epoch(run: Run) -> Epoch:
    """Validates, and adds the epoch to the history before a checkpoint takes both down together."""
    totals, number = run.trainer.totals.numpy(), len(run.history.epochs) + 1
    epoch = {
        "epoch": number,
        "train_loss": float(totals[LOSS] / totals[EXAMPLES]),
        "train_top1": float(totals[CORRECT] / totals[EXAMPLES]),
    }
    training = run.config.training
    if run.evaluator is not None and (number % training.validate_every_epochs == 0 or number == training.epochs):
        scores = _validate(run, run.evaluator)
        run.board.scalars(run.trainer.step, {f"validation/{name}": value for name, value in scores.items()})
        epoch |= {f"validation_{name}": value for name, value in scores.items()}
    run.history.append(epoch)
    run.trainer.totals.assign(tf.zeros_like(run.trainer.totals))
    return epoch


def _validate(run: Run, evaluator: Evaluator) -> dict[str, float]:
    try:
        return evaluator.evaluate(run.validation_labels)
    except tf.errors.OpError:
        if run.validation is not None:
            raise_bad_record(run.validation, np.arange(len(run.validation)))
        raise
