"""What a run reports: log lines, TensorBoard scalars, the history of its epochs, curves.png."""

import io
import json
import logging
import time
from pathlib import Path

import tensorflow as tf

from tfrecords_builder.atomic import atomic_write

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


class Board:
    """TensorBoard scalars and the speed of training.

    Args:
        folder: for the event files.
        batch_size: photographs a step.
    """

    def __init__(self, folder: Path, batch_size: int) -> None:
        self._writer = tf.summary.create_file_writer(str(folder))
        self._batch_size = batch_size
        self._last_time = time.monotonic()

    def start_clock(self) -> None:
        """The time until now does not count as training: validation, checkpoints."""
        self._last_time = time.monotonic()

    def steps(self, step: int, num_steps: int, scores: dict[str, float]) -> None:
        """Writes what the last `num_steps` steps, which ended at `step`, gave; adds images a second."""
        elapsed = max(time.monotonic() - self._last_time, 1e-9)
        self.scalars(step, {**scores, "images_per_second": num_steps * self._batch_size / elapsed})
        self.start_clock()

    def scalars(self, step: int, scores: dict[str, float]) -> None:
        """Writes scalars of a step."""
        with self._writer.as_default(step=step):
            for name, value in scores.items():
                tf.summary.scalar(name, value)
        self._writer.flush()


def describe(epoch: Epoch, num_epochs: int) -> str:
    """An epoch in one line, such as `epoch 3/20: train_loss 1.234, train_top1 0.567`."""
    scores = ", ".join(f"{name} {value:.4f}" for name, value in epoch.items() if name != "epoch")
    return f"epoch {epoch['epoch']:.0f}/{num_epochs}: {scores}"


def write_curves(epochs: list[Epoch], path: Path) -> None:
    """Draws loss and top-1 by epoch, training and validation, as a PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.5), layout="constrained")
    FigureCanvasAgg(figure)
    for axes, score in zip(figure.subplots(1, 2), ("loss", "top1"), strict=True):
        for split in ("train", "validation"):
            key = f"{split}_{score}"
            points = [(epoch["epoch"], epoch[key]) for epoch in epochs if key in epoch]
            if points:
                axes.plot(*zip(*points, strict=True), marker=".", label=split)
        axes.set(xlabel="epoch", title=score)
        axes.grid(visible=True, alpha=0.3)
        axes.legend()
    picture = io.BytesIO()
    # Without the version of matplotlib in it the same epochs give the same bytes everywhere.
    figure.savefig(picture, format="png", dpi=100, metadata={"Software": None})
    with atomic_write(path, "wb") as file:
        file.write(picture.getvalue())
