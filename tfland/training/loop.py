"""The outer loop: inner loops of a few seconds, and what happens between them."""

import logging
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from tfland.config import ExperimentConfig
from tfland.data.order import make_order
from tfland.data.photographs import Photographs
from tfland.data.pipeline import batch_numbers, raise_bad_record, training_dataset
from tfland.training.checkpoints import Checkpoints
from tfland.training.interruption import Interrupted, Termination, termination
from tfland.training.periods import Periods
from tfland.training.progress import Board
from tfland.training.strategy import from_chief, sum_over_workers, worker_of
from tfland.training.timetable import Timetable
from tfland.training.trainer import CORRECT, EXAMPLES, LOSS, Trainer
from tfrecords_builder.terminal import CheckFailed, Progress, progress

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
        strategy: the devices.
        trainer: does the steps.
        photographs: the data.
        timetable: what is due when.
        periods: what happens at the end of an epoch.
        checkpoints: where the run is saved.
        board: TensorBoard.
        schedule: step -> learning rate.
    """

    config: ExperimentConfig
    strategy: tf.distribute.Strategy
    trainer: Trainer
    photographs: Photographs
    timetable: Timetable
    periods: Periods
    checkpoints: Checkpoints
    board: Board
    schedule: Any


def run_epochs(run: Run) -> None:
    """Trains until the last step, from wherever the trainer stands, or until early stopping ends the run.

    Raises:
        CheckFailed: a corrupt record, a loss that is not finite, a worker that is gone, or a network that does not
            learn (`training.not_learning`).
        Interrupted: SIGTERM came; a checkpoint was written.
    """
    batch_size, num_steps = run.config.training.batch_size, run.timetable.num_steps
    with (
        progress(f"train {run.config.task}", num_steps * batch_size, "photographs") as state,
        termination() as terminated,
    ):
        state.skip(run.trainer.step * batch_size)
        run.board.start_clock()
        try:
            _run_rounds(run, state, terminated)
        except (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.CancelledError) as error:
            if worker_of(run.strategy).count == 1:
                raise
            raise CheckFailed(
                f"another worker of this run is gone ({error.message.splitlines()[0][:300]}); start all of them again: "
                "the run goes on from its last checkpoint"
            ) from error


def _run_rounds(run: Run, state: Progress, terminated: Termination) -> None:
    wanted = 1
    while run.trainer.step < run.timetable.num_steps and not run.periods.stopped_early():
        num_steps = min(wanted, run.timetable.next_stop(run.trainer.step) - run.trainer.step)
        started = time.monotonic()
        _train(run, num_steps)
        wanted = _steps_in_time(num_steps, time.monotonic() - started)
        state.advance(num_steps * run.config.training.batch_size)
        # All workers do equally many steps in a round and hear of SIGTERM together, whichever of them got it.
        if worker_of(run.strategy).count > 1:
            wanted = int(from_chief(run.strategy, np.array([float(wanted)]))[0])
        is_last = bool(sum_over_workers(run.strategy, np.array([float(terminated.requested)]))[0])
        _stop(run, saves=is_last)
        if is_last and run.trainer.step < run.timetable.num_steps:
            raise Interrupted(
                f"SIGTERM ended the run at step {run.trainer.step} of {run.timetable.num_steps}; its checkpoint is "
                "written, and the same command goes on from there"
            )


def _steps_in_time(num_steps: int, seconds: float) -> int:
    wanted = int(num_steps * _SECONDS_PER_REPORT / max(seconds, 1e-9))
    return min(max(wanted, 1), _MAX_STEPS_PER_REPORT)


def _train(run: Run, num_steps: int) -> None:
    trainer = run.trainer
    before, waited = trainer.totals.numpy(), trainer.waited_seconds.numpy()
    try:
        trainer.train(tf.constant(num_steps))
    except tf.errors.OpError:
        _find_bad_record(run)
        raise
    if (bad_step := int(trainer.bad_step.numpy())) >= 0:
        raise CheckFailed(
            f"the loss or a gradient of step {bad_step} is not a finite number: "
            f"{trainer.explain(_batch(run, bad_step))}; lower schedule.learning_rate "
            f"({run.config.schedule.learning_rate:g}) or set optimizer.clip_norm; checkpoints before it are kept"
        )
    done = trainer.totals.numpy() - before
    scores = {"train/loss": done[LOSS] / done[EXAMPLES], "train/top1": done[CORRECT] / done[EXAMPLES]}
    rate = float(run.schedule(trainer.step - 1))
    waited = trainer.waited_seconds.numpy() - waited
    run.board.steps(trainer.step, num_steps, {**scores, "learning_rate": rate}, waited)


def _batch(run: Run, step: int) -> tuple[tf.Tensor, ...]:
    """The batch of one step, of all replicas and workers."""
    batches = training_dataset(
        run.photographs.training,
        run.config.data,
        batch_size=run.config.training.batch_size,
        seed=run.config.training.seed,
        start_step=step,
        num_steps=step + 1,
        labels=run.photographs.training_labels,
    )
    batch: tuple[tf.Tensor, ...] = next(iter(batches))
    return batch


def _find_bad_record(run: Run) -> None:
    """Raises CheckFailed if one of the next batches holds a bad record."""
    training, step, photographs = run.config.training, run.trainer.step, run.photographs
    count = len(photographs.training)
    order = make_order(run.config.data.sampling, count, photographs.training_labels, training.seed)
    # From one step back: the counter does not wait for the batch and may be ahead of it.
    for suspect in range(max(step - 1, 0), min(step + _BATCHES_IN_FLIGHT, run.timetable.num_steps)):
        numbers = batch_numbers(count, training.seed, batch_size=training.batch_size, step=suspect, order=order)
        raise_bad_record(photographs.training, numbers)


def _stop(run: Run, *, saves: bool) -> None:
    """Does what is due after a step: ends a period, writes a checkpoint.

    Args:
        run: the run.
        saves: write a checkpoint also where none is due.
    """
    step = run.trainer.step
    if run.timetable.judges(step):
        run.periods.judge(step)
    if run.timetable.ends_period(step):
        run.periods.end(step)
    if saves or run.timetable.saves(step):
        run.checkpoints.save(step)
        run.periods.forget_others()
        run.board.start_clock()
