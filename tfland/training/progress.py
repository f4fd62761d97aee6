"""What a run reports: log lines, TensorBoard scalars, the history of its epochs."""

import json
import logging
import time
from pathlib import Path

import tensorflow as tf

logger = logging.getLogger(__name__)

Epoch = dict[str, float]


class History:
    """Scores of the epochs that are done, kept in a variable so that a checkpoint holds them.

    Attributes:
        variable: scalar string, the epochs as JSON.
    """

    def __init__(self) -> None:
        self.variable = tf.Variable("[]", dtype=tf.string, trainable=False)

    @property
    def epochs(self) -> list[Epoch]:
        """One dictionary an epoch, such as {"epoch": 1, "train_loss": 2.3, "validation_top1": 0.4}."""
        epochs: list[Epoch] = json.loads(self.variable.numpy())
        return epochs

    def append(self, epoch: Epoch) -> None:
        """Adds an epoch."""
        self.variable.assign(json.dumps([*self.epochs, epoch]))

    def best(self, metric: str) -> Epoch | None:
        """The entry with the best value of a metric, of equal ones the last; None where it was never measured."""
        measured = [epoch for epoch in self.epochs if metric in epoch]
        return max(reversed(measured), key=lambda epoch: _goodness(epoch, metric), default=None)

    def validations_without_gain(self, metric: str) -> int:
        """How many of the last measurements did not beat those before them."""
        values = [_goodness(epoch, metric) for epoch in self.epochs if metric in epoch]
        return len(values) - 1 - values.index(max(values)) if values else 0


def _goodness(epoch: Epoch, metric: str) -> float:
    return -epoch[metric] if metric.endswith("_loss") else epoch[metric]


class Board:
    """TensorBoard scalars and the speed of training.

    Args:
        folder: for the event files; None on workers that do not write.
        batch_size: photographs a step.
    """

    def __init__(self, folder: Path | None, batch_size: int) -> None:
        self._writer = tf.summary.create_noop_writer() if folder is None else tf.summary.create_file_writer(str(folder))
        self._batch_size = batch_size
        self._last_time = time.monotonic()

    def start_clock(self) -> None:
        """The time until now does not count as training: validation, checkpoints."""
        self._last_time = time.monotonic()

    def steps(self, step: int, num_steps: int, scores: dict[str, float], waited_seconds: float = 0.0) -> None:
        """Writes what the last `num_steps` steps, which ended at `step`, gave, and how fast they were.

        Args:
            step: steps that are done.
            num_steps: those since the last call.
            scores: by their names.
            waited_seconds: of the time since the last call, how long training waited for its input.
        """
        elapsed = max(time.monotonic() - self._last_time, 1e-9)
        speed = {
            "images_per_second": num_steps * self._batch_size / elapsed,
            "input_wait_share": min(waited_seconds / elapsed, 1.0),
        }
        self.scalars(step, {**scores, **speed})
        self.start_clock()

    def scalars(self, step: int, scores: dict[str, float]) -> None:
        """Writes scalars of a step."""
        with self._writer.as_default(step=step):
            for name, value in scores.items():
                tf.summary.scalar(name, value)
        self._writer.flush()


def describe(epoch: Epoch, num_steps: int) -> str:
    """An entry in one line, such as `epoch 3, step 30/200: train_loss 1.2340, train_top1 0.5670`."""
    scores = ", ".join(f"{name} {value:.4g}" for name, value in epoch.items() if name not in ("epoch", "step"))
    return f"epoch {epoch['epoch']:g}, step {epoch['step']:.0f}/{num_steps}: {scores}"
