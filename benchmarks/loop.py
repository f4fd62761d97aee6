"""What the trainer adds to a step: its whole loop beside the bare compiled step of the same network and batch.

    python benchmarks/loop.py [--steps 20] [--rounds 9] [--image-size 64] [--batch-size 32] [--backbone resnet18]

The bare step is what one would write by hand: one tf.function that takes a batch from memory, computes loss and
gradients and calls a Keras optimizer. The trainer does the same number of steps of the same arithmetic in its real
loop: orbit's while loop, the finite check, the sums for loss and top-1, progress, TensorBoard. Both begin with the
same weights and take turns, `--rounds` times `--steps` steps each; the ratio of each pair is taken, and of those the
median. The target is at most 1.03.

Numbers for one machine: wall time and processor time of a step, and their ratios. On a busy machine trust the second.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf

from tfland.config import ExperimentConfig, LossConfig
from tfland.config_io import config_from_dict
from tfland.losses.build import build_loss
from tfland.training import loop
from tfland.training.progress import Board
from tfland.training.tasks import build_network
from tfland.training.trainer import Trainer
from tfrecords_builder.terminal import progress

NUM_CLASSES, RATE = 100, 0.01


def make_config(arguments: argparse.Namespace) -> ExperimentConfig:
    """Softmax with momentum and no decay: what the bare step does too."""
    return config_from_dict(
        {
            "data": {"shards": "-", "validation_split": None, "image_size": arguments.image_size},
            "model": {"backbone": arguments.backbone, "pooling": "average"},
            "optimizer": {"name": "sgd", "momentum": 0.9, "weight_decay": 0.0},
            "training": {"model_dir": "-", "batch_size": arguments.batch_size, "deterministic": False},
        }
    )


def batches(arguments: argparse.Namespace) -> tf.data.Dataset:
    """One batch in memory, again and again, prefetched as the pipeline does."""
    rng = np.random.default_rng(0)
    size = arguments.image_size
    images = tf.constant(rng.integers(0, 255, (arguments.batch_size, size, size, 3), np.uint8))
    labels = tf.constant(rng.integers(0, NUM_CLASSES, arguments.batch_size, np.int32))
    options = tf.data.Options()
    options.autotune.enabled = False
    return tf.data.Dataset.from_tensors((images, labels)).repeat().with_options(options).prefetch(2)


def bare_loop(config: ExperimentConfig, arguments: argparse.Namespace) -> Callable[[], None]:
    """A function that does `steps` bare steps."""
    network = build_network(config, NUM_CLASSES)
    loss = build_loss(LossConfig(), [1] * NUM_CLASSES)
    optimizer = keras.optimizers.SGD(RATE, momentum=0.9)
    variables = network.trainable_variables
    optimizer.build(variables)

    @tf.function
    def step(images: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            logits = network(tf.cast(images, tf.float32), training=True)["logits"]
            value = tf.reduce_mean(loss(labels, logits))
        optimizer.apply(tape.gradient(value, [variable.value for variable in variables]), variables)
        return value

    iterator = iter(batches(arguments))

    def run() -> None:
        for _ in range(arguments.steps):
            value = step(*next(iterator))
        value.numpy()

    return run


def trainer_loop(config: ExperimentConfig, arguments: argparse.Namespace, folder: Path) -> Callable[[], None]:
    """A function that does `steps` steps as `tfland train` does, with its reports."""
    strategy = tf.distribute.OneDeviceStrategy(tf.config.list_logical_devices()[-1].name)
    with strategy.scope():
        network = build_network(config, NUM_CLASSES)
    trainer = Trainer(network, build_loss(LossConfig(), [1] * NUM_CLASSES), RATE, config, strategy, 1000.0)
    trainer.train_dataset = batches(arguments)
    board = Board(folder, config.training.batch_size)
    # What a round of the loop takes out of its `Run`.
    parts: Any = SimpleNamespace(config=config, trainer=trainer, board=board, schedule=lambda _step: RATE)

    def run() -> None:
        with progress("train", arguments.steps, "steps") as state:
            loop._train(parts, arguments.steps)
            state.advance(arguments.steps)

    return run


def measure(run: Callable[[], None], steps: int) -> tuple[float, float]:
    """Wall and processor seconds of a step."""
    wall, processor = time.perf_counter(), time.process_time()
    run()
    return (time.perf_counter() - wall) / steps, (time.process_time() - processor) / steps


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser()
    for name, default in (("steps", 20), ("rounds", 9), ("image-size", 64), ("batch-size", 32)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--backbone", default="resnet18")
    arguments = parser.parse_args()
    config = make_config(arguments)
    with tempfile.TemporaryDirectory() as folder:
        keras.utils.set_random_seed(0)
        runs = {"bare step": bare_loop(config, arguments)}
        keras.utils.set_random_seed(0)
        runs["tfland's loop"] = trainer_loop(config, arguments, Path(folder))
        for run in runs.values():
            run()  # Traced, and warm.
        times: dict[str, list[tuple[float, float]]] = {name: [] for name in runs}
        for number in range(arguments.rounds):
            # Whoever comes second finds warmer caches: they take turns at that as well.
            for name in list(runs) if number % 2 == 0 else reversed(list(runs)):
                times[name].append(measure(runs[name], arguments.steps))
    bare, ours = times.values()
    print(f"{arguments.backbone}, {arguments.batch_size} x {arguments.image_size} px, {os.cpu_count()} cores")
    for name, pairs in times.items():
        wall, processor = (statistics.median(values) * 1e3 for values in zip(*pairs, strict=True))
        print(f"{name:<16}{wall:>9.1f} ms wall{processor:>9.1f} ms processor a step")
    for kind, label in enumerate(("wall", "processor")):
        ratios = sorted(one[kind] / other[kind] for one, other in zip(ours, bare, strict=True))
        print(f"ratio, {label:<10}{statistics.median(ratios):>8.3f} (from {ratios[0]:.3f} to {ratios[-1]:.3f})")


if __name__ == "__main__":
    main()
