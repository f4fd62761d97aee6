"""What happens at the end of an epoch: scores, the history, the best model, alarms, early stopping."""

import logging
import math
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfland.config import TrainingConfig
from tfland.losses.build import Loss
from tfland.training.curves import write_curves
from tfland.training.model_dir import CURVES_FILE, best_file, keep_best, save_network
from tfland.training.progress import Board, Epoch, History, describe
from tfland.training.timetable import Timetable
from tfland.training.trainer import CORRECT, EXAMPLES, LOSS
from tfrecords_builder.terminal import CheckFailed

logger = logging.getLogger(__name__)

# A network that has learnt anything is at least this share below the loss of one that knows nothing.
_LEAST_GAIN = 0.01
_BLIND_LABELS = 64
# A picture takes half a second: epochs of seconds do not each get one, and the finished model always has its own.
_SECONDS_PER_CURVES = 20.0


class Periods:
    """The ends of a run's epochs, or of the periods that `training.validate_every_steps` makes of it.

    All that it decides follows from the history and the totals, which a checkpoint holds: a resumed run decides alike.

    Args:
        training: the `training` section of an experiment.
        timetable: which steps end a period and which are validated.
        totals: what the trainer sums since the period began; set to 0 at its end.
        history: gets an entry for each period.
        board: TensorBoard.
        rate: step -> learning rate.
        validate: scores the validation photographs; None where there are none.
        export: gives the network that is saved, with the weights of now; every worker calls it.
        blind_loss: what `blind_loss` returned.
        is_chief: whether this process writes.
        on_epoch: called with each new entry of the history.
    """

    def __init__(
        self,
        training: TrainingConfig,
        timetable: Timetable,
        totals: tf.Variable,
        history: History,
        board: Board,
        *,
        rate: Callable[[int], Any],
        validate: Callable[[], dict[str, float]] | None,
        export: Callable[[], AbstractContextManager[keras.Model]],
        blind_loss: float,
        is_chief: bool,
        on_epoch: Callable[[Epoch], None] | None = None,
    ) -> None:
        self._training, self._timetable, self._totals = training, timetable, totals
        self._board, self._rate, self._validate, self._export = board, rate, validate, export
        self._blind_loss, self._is_chief, self._folder = blind_loss, is_chief, Path(training.model_dir)
        self.history, self._on_epoch, self._last_curves = history, on_epoch, -math.inf

    def end(self, step: int) -> None:
        """Scores a period, and adds it to the history before a checkpoint takes both down together."""
        totals = self._totals.numpy()
        epoch: Epoch = {
            "epoch": self._timetable.epoch(step),
            "step": step,
            "train_loss": float(totals[LOSS] / totals[EXAMPLES]),
            "train_top1": float(totals[CORRECT] / totals[EXAMPLES]),
            "learning_rate": float(self._rate(step - 1)),
        }
        if self._validate is not None and self._timetable.validates(step):
            scores = self._validate()
            self._board.scalars(step, {f"validation/{name}": value for name, value in scores.items()})
            epoch |= {f"validation_{name}": value for name, value in scores.items()}
        self.history.append(epoch)
        self._totals.assign(tf.zeros_like(self._totals))
        logger.info("%s", describe(epoch, self._timetable.num_steps))
        best = self.history.best(self._training.best_metric)
        if best == epoch:
            self._save_best(step)
        if self._is_chief and time.monotonic() - self._last_curves >= _SECONDS_PER_CURVES:
            self._last_curves = time.monotonic()
            write_curves(self.history.epochs, self._folder / CURVES_FILE, best)
        if self.stopped_early():
            logger.info(
                "%d validations did not better %s: the run ends at step %d",
                self._training.patience, self._training.best_metric, step,
            )  # fmt: skip
        if self._on_epoch is not None:
            self._on_epoch(epoch)

    def stopped_early(self) -> bool:
        """Whether `training.patience` has ended the run."""
        patience = self._training.patience
        return bool(patience) and self.history.validations_without_gain(self._training.best_metric) >= patience

    def forget_others(self) -> None:
        """Removes models that are no longer the best; only after a checkpoint that knows the better one."""
        if self._is_chief:
            best = self.history.best(self._training.best_metric)
            keep_best(self._folder, None if best is None else int(best["step"]))

    def judge(self, step: int) -> None:
        """Says it loudly where the network does not learn.

        Raises:
            CheckFailed: it does not, and `training.not_learning` is "stop".
        """
        totals = self._totals.numpy()
        loss = totals[LOSS] / totals[EXAMPLES]
        if loss < (1 - _LEAST_GAIN) * self._blind_loss:
            return
        problem = (
            f"after {step} steps the training loss is {loss:.4g}, no better than the {self._blind_loss:.4g} of a "
            "network that knows nothing: it does not learn. Look at the learning rate, at the start weights and at "
            "whether the labels belong to the photographs"
        )
        if self._training.not_learning == "stop":
            raise CheckFailed(f"{problem}; training.not_learning=warn goes on all the same")
        logger.warning("WARNING: %s", problem)

    def _save_best(self, step: int) -> None:
        with self._export() as network:
            if self._is_chief:
                save_network(network, best_file(self._folder, step))


def blind_loss(loss: Loss, labels: np.ndarray, num_classes: int) -> float:
    """The loss of a network that answers 0 for every class: ln C of cross-entropy, more with a margin.

    Args:
        loss: per photograph.
        labels: [N] int, classes of the training photographs.
        num_classes: C.
    """
    some = labels[np.linspace(0, len(labels) - 1, min(len(labels), _BLIND_LABELS)).astype(int)]
    value = float(np.mean(np.asarray(loss(tf.constant(some, tf.int32), tf.zeros([len(some), num_classes])))))
    return value if math.isfinite(value) else math.inf
