"""A program for test_step_replicas.py: the same steps on one device, two mirrored ones and two workers.

TensorFlow is imported once; each topology is a fork, made before any of it is used.

Usage: step_runs.py FOLDER PORT PORT; writes FOLDER/TOPOLOGY.json for the topologies one, mirrored, worker0, worker1.
"""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfland.config import ExperimentConfig, LossConfig
from tfland.config_io import config_from_dict
from tfland.losses.build import TrainingLoss, build_loss
from tfland.models.batch_norm import synchronize_batch_norm
from tfland.training import trainer as trainer_module
from tfland.training.trainer import LOSS, Trainer

BATCH = 8
EVERYTHING = {
    "name": "adamw",
    "clip_norm": 0.5,
    "accumulation_steps": 2,
    "average_decay": 0.9,
    "freeze_backbone_epochs": 0.5,
    "backbone_rate": 0.5,
}


def network() -> keras.Model:
    keras.utils.set_random_seed(3)
    image = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(4, 3, use_bias=False)(keras.layers.Rescaling(1 / 255)(image))
    x = keras.layers.ReLU()(keras.layers.BatchNormalization()(x))
    x = keras.layers.GlobalAveragePooling2D(name="pooling")(x)
    logits = keras.layers.Dense(3, dtype="float32")(x)
    return keras.Model(image, {"embedding": x, "logits": logits})


def mixed_batches(strategy: tf.distribute.Strategy) -> Any:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 255, (BATCH, 8, 8, 3), np.uint8)
    labels = rng.integers(0, 3, (BATCH, 2)).astype(np.int32)
    shares = np.tile(np.array([[0.75, 0.25]], np.float32), (BATCH, 1))
    options = tf.data.Options()
    options.autotune.enabled = False
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
    parts = (images, labels, shares)
    if isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        rank, half = strategy.cluster_resolver.task_id, BATCH // 2
        parts = tuple(part[rank * half : (rank + 1) * half] for part in parts)
        return tf.data.Dataset.from_tensors(parts).repeat().with_options(options)
    dataset = tf.data.Dataset.from_tensors(parts).repeat().with_options(options)
    if strategy.num_replicas_in_sync == 1:
        return dataset
    return strategy.experimental_distribute_dataset(dataset)


def spoiled(loss: TrainingLoss, counter: Callable[[], tf.Tensor]) -> TrainingLoss:
    """The loss, whose gradient on the last replica is infinite in step 1; its value stays finite."""

    @tf.custom_gradient
    def spoil(logits: tf.Tensor) -> Any:
        context = tf.distribute.get_replica_context()
        is_last = context.replica_id_in_sync_group == context.num_replicas_in_sync - 1
        is_bad = tf.logical_and(is_last, counter() == 1)

        def gradient(upstream: tf.Tensor) -> tf.Tensor:
            return tf.where(is_bad, np.inf, 1.0) * upstream

        return tf.identity(logits), gradient

    return TrainingLoss(lambda labels, logits: loss(labels, spoil(logits)))


def config_of(precision: str = "float32", *, jit_compile: bool = False, **optimizer: Any) -> ExperimentConfig:
    return config_from_dict(
        {
            "data": {"shards": "-", "validation_split": None},
            "optimizer": optimizer,
            "training": {
                "model_dir": "-",
                "batch_size": BATCH,
                "precision": precision,
                "jit_compile": jit_compile,
            },
        }
    )


def trained(
    strategy: tf.distribute.Strategy, config: ExperimentConfig, *, steps: int, spoils: bool = False
) -> dict[str, Any]:
    """Does some steps and tells what came of them."""
    precision = config.training.precision
    keras.mixed_precision.set_dtype_policy(precision if precision == "float32" else f"mixed_{precision}")
    holder: dict[str, Trainer] = {}
    loss = build_loss(LossConfig(class_weights="log"), [3, 9, 27])
    if spoils:
        loss = spoiled(loss, lambda: holder["trainer"].optimizer.iterations.value)
    plain = network()
    with strategy.scope():
        model = synchronize_batch_norm(plain) if strategy.num_replicas_in_sync > 1 else network()
    trainer = holder["trainer"] = Trainer(model, loss, 0.05, config, strategy, steps_per_epoch=4.0)
    trainer.train_dataset = mixed_batches(strategy)
    weights, losses = [], []
    for _ in range(steps):
        trainer.totals.assign(tf.zeros(3, tf.float64))
        trainer.train(tf.constant(1))
        losses.append(float(trainer.totals.numpy()[LOSS]))
        weights.append([w.ravel().tolist() for w in model.get_weights()])
    with trainer.judged_weights():
        average = [w.ravel().tolist() for w in model.get_weights()]
    return {
        "losses": losses,
        "weights": weights,
        "average": average,
        "scale": None if trainer.loss_scale is None else float(trainer.loss_scale.scale.numpy()),
        "bad_step": int(trainer.bad_step.numpy()),
        "step": trainer.step,
    }


def compiled_on_replicas(strategy: tf.distribute.Strategy, precision: str) -> str:
    """What comes of a compiled step on several replicas, which the trainer refuses."""
    check, trainer_module._check = trainer_module._check, lambda *_: None
    try:
        trained(strategy, config_of(precision, jit_compile=True), steps=1)
    except (tf.errors.OpError, ValueError, TypeError, RuntimeError) as error:
        return f"{type(error).__name__}: {error}"
    finally:
        trainer_module._check = check
    return "works"


def run(strategy: tf.distribute.Strategy, path: Path) -> None:
    results: dict[str, Any] = {
        "everything": trained(strategy, config_of(**EVERYTHING), steps=4),
        "float16": trained(strategy, config_of("float16", clip_norm=1.0), steps=3, spoils=True),
        "float32": trained(strategy, config_of("float32"), steps=3, spoils=True),
    }
    if isinstance(strategy, tf.distribute.MirroredStrategy):
        results["compiled"] = {name: compiled_on_replicas(strategy, name) for name in ("float32", "float16")}
    path.write_text(json.dumps(results))


def one() -> tf.distribute.Strategy:
    return tf.distribute.OneDeviceStrategy("/cpu:0")


def mirrored() -> tf.distribute.Strategy:
    devices = [tf.config.LogicalDeviceConfiguration()] * 2
    tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], devices)
    return tf.distribute.MirroredStrategy(["/cpu:0", "/cpu:1"])


def worker(rank: int, ports: list[str]) -> tf.distribute.Strategy:
    cluster = {"worker": [f"127.0.0.1:{port}" for port in ports]}
    os.environ["TF_CONFIG"] = json.dumps({"cluster": cluster, "task": {"type": "worker", "index": rank}})
    return tf.distribute.MultiWorkerMirroredStrategy()


def forked(make: Callable[[], tf.distribute.Strategy], path: Path) -> int:
    child = os.fork()
    if child:
        return child
    try:
        run(make(), path)
    except BaseException as error:  # a fork must never return into its parent
        sys.stderr.write(f"{path.stem}: {type(error).__name__}: {error}\n")
        os._exit(1)
    os._exit(0)


def main() -> None:
    folder, ports = Path(sys.argv[1]), sys.argv[2:4]
    makers = {"one": one, "mirrored": mirrored}
    makers |= {f"worker{rank}": lambda rank=rank: worker(rank, ports) for rank in range(2)}
    children = [forked(make, folder / f"{name}.json") for name, make in makers.items()]
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    sys.exit(max(map(abs, codes)))


if __name__ == "__main__":
    main()
