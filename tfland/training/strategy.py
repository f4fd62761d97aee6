"""Where the replicas run, and what their processes tell each other."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from tfland.config import TrainingConfig
from tfland.machines.cluster import read_cluster, wait_for_workers


@dataclass(frozen=True, kw_only=True)
class Worker:
    """One process of a run.

    Attributes:
        rank: 0 for the chief, who alone writes to the model directory.
        count: processes of the run.
    """

    rank: int = 0
    count: int = 1

    @property
    def is_chief(self) -> bool:
        """Whether this process writes."""
        return self.rank == 0


def make_strategy(training: TrainingConfig) -> tf.distribute.Strategy:
    """Opens the devices of a run; with several workers, waits for the others.

    Args:
        training: `strategy`, `batch_size` (over all replicas) and `worker_timeout_seconds`.

    Raises:
        ValueError: the batch cannot be divided among the replicas, or TF_CONFIG or Slurm's variables are malformed.
        OSError: a worker did not join, or there is no TPU.
    """
    strategy = _BUILDERS[training.strategy](training)
    if training.batch_size % strategy.num_replicas_in_sync:
        raise ValueError(
            f"training.batch_size is {training.batch_size}; it must be a multiple of the "
            f"{strategy.num_replicas_in_sync} replicas of strategy {training.strategy!r}"
        )
    return strategy


def worker_of(strategy: tf.distribute.Strategy) -> Worker:
    """This process's place among those of a strategy."""
    if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return Worker()
    resolver = strategy.cluster_resolver
    return Worker(rank=resolver.task_id, count=resolver.cluster_spec().num_tasks("worker"))


def distribute(
    strategy: tf.distribute.Strategy, batch_size: int, make_dataset: Callable[[Worker], tf.data.Dataset]
) -> Any:
    """A data set whose batches `strategy.run` takes: each replica gets its part.

    One replica a process gets the data set itself: TensorFlow's distributed iterator would put an autotuned one around
    it, and closing that can wait for its tuner for up to a minute (see `tfland.data.pipeline`).

    Args:
        strategy: the devices.
        batch_size: over all replicas.
        make_dataset: a worker -> its part of each batch, the rows from rank/count to (rank + 1)/count.
    """
    dataset = make_dataset(worker_of(strategy))
    replicas = strategy.num_replicas_in_sync
    if replicas == worker_of(strategy).count:
        return dataset
    if worker_of(strategy).count == 1:
        return strategy.experimental_distribute_dataset(dataset)
    # The batches of all replicas of this process, which takes as many at a time as it has replicas.
    return strategy.distribute_datasets_from_function(lambda _context: dataset.rebatch(batch_size // replicas))


def gather(strategy: tf.distribute.Strategy, per_replica: Any) -> np.ndarray:
    """The rows of all replicas of all workers, in the order of the whole batch; the same on every worker.

    Args:
        strategy: the devices.
        per_replica: [B / replicas, …], what `strategy.run` returned.
    """
    if worker_of(strategy).count > 1:
        result: np.ndarray = strategy.gather(per_replica, axis=0).numpy()
        return result
    parts = strategy.experimental_local_results(per_replica)
    return np.concatenate([part.numpy() for part in parts])


def sum_over_workers(strategy: tf.distribute.Strategy, values: np.ndarray) -> np.ndarray:
    """The sum of what each worker gives: the same on all of them. All must call it at the same point of the run.

    Args:
        strategy: the devices.
        values: [N] float64 of this worker.
    """
    worker = worker_of(strategy)
    if worker.count == 1:
        return values
    local_replicas = strategy.num_replicas_in_sync // worker.count
    per_replica = strategy.experimental_distribute_values_from_function(
        lambda context: tf.constant(
            values if context.replica_id_in_sync_group % local_replicas == 0 else np.zeros_like(values), tf.float64
        )
    )
    result: np.ndarray = strategy.reduce(tf.distribute.ReduceOp.SUM, per_replica, axis=None).numpy()
    return result


def from_chief(strategy: tf.distribute.Strategy, values: np.ndarray) -> np.ndarray:
    """The chief's values on every worker: [N] float64. All must call it at the same point of the run."""
    return sum_over_workers(strategy, values if worker_of(strategy).is_chief else np.zeros_like(values))


def _devices() -> list[str]:
    devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    return [device.name for device in devices]


def _one_device(_training: TrainingConfig) -> tf.distribute.Strategy:
    return tf.distribute.OneDeviceStrategy(_devices()[0])


def _mirrored(_training: TrainingConfig) -> tf.distribute.Strategy:
    return tf.distribute.MirroredStrategy(_devices())


def _multi_worker(training: TrainingConfig) -> tf.distribute.Strategy:
    cluster = read_cluster(os.environ)
    wait_for_workers(cluster, training.worker_timeout_seconds)
    resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(
        tf.train.ClusterSpec({"worker": list(cluster.addresses)}),
        task_type="worker",
        task_id=cluster.rank,
        rpc_layer="grpc",
    )
    return tf.distribute.MultiWorkerMirroredStrategy(cluster_resolver=resolver)


def _tpu(_training: TrainingConfig) -> tf.distribute.Strategy:
    # "local" is the TPU of this machine, as on a Cloud TPU VM.
    name = os.environ.get("TPU_NAME") or "local"
    try:
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver(tpu=name)
        tf.config.experimental_connect_to_cluster(resolver)
        tf.tpu.experimental.initialize_tpu_system(resolver)
        return tf.distribute.TPUStrategy(resolver)
    except (tf.errors.OpError, ValueError, RuntimeError) as error:
        raise OSError(
            f"training.strategy is tpu, but TPU {name!r} cannot be used ({str(error).splitlines()[0][:200]}); set "
            "TPU_NAME, install TensorFlow for TPUs, or choose another training.strategy"
        ) from error


_BUILDERS: dict[str, Callable[[TrainingConfig], tf.distribute.Strategy]] = {
    "one_device": _one_device,
    "mirrored": _mirrored,
    "multi_worker": _multi_worker,
    "tpu": _tpu,
}
