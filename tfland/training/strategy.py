"""Where the replicas run."""

from typing import Any

import tensorflow as tf


def make_strategy(name: str, batch_size: int) -> tf.distribute.Strategy:
    """Opens the devices of a run.

    Args:
        name: "one_device" (the first GPU, or the CPU) or "mirrored" (every GPU of this machine, or every logical CPU
            device where it has none; tests make several of those).
        batch_size: over all replicas.

    Raises:
        ValueError: the batch cannot be divided among the replicas.
    """
    devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    names = [device.name for device in devices]
    if name == "one_device":
        return tf.distribute.OneDeviceStrategy(names[0])
    if batch_size % len(names):
        raise ValueError(
            f"training.batch_size is {batch_size}; it must be a multiple of the {len(names)} replicas on {names}"
        )
    return tf.distribute.MirroredStrategy(names)


def distribute(strategy: tf.distribute.Strategy, dataset: tf.data.Dataset) -> Any:
    """A data set whose batches `strategy.run` takes: each replica gets its part.

    One replica gets the data set itself: TensorFlow's distributed iterator would put an autotuned one around it, and
    closing that can wait for its tuner for up to a minute (see `tfland.data.pipeline`).
    """
    return dataset if strategy.num_replicas_in_sync == 1 else strategy.experimental_distribute_dataset(dataset)
