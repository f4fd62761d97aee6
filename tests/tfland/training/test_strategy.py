"""Devices: one process and two replicas train alike."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfland.config import ExperimentConfig, TrainingConfig
from tfland.config_io import save_config
from tfland.training.strategy import Worker, gather, make_strategy, sum_over_workers, worker_of

PROGRAM = Path(__file__).with_name("mirrored_runs.py")


def make(name: str, batch_size: int = 8) -> tf.distribute.Strategy:
    return make_strategy(TrainingConfig(model_dir="m", strategy=name, batch_size=batch_size))  # type: ignore[arg-type]


def test_one_device_is_one_replica() -> None:
    strategy = make("one_device", 7)
    assert strategy.num_replicas_in_sync == 1
    assert worker_of(strategy) == Worker(rank=0, count=1)
    assert worker_of(strategy).is_chief
    np.testing.assert_array_equal(sum_over_workers(strategy, np.array([1.5, 2.0])), [1.5, 2.0])


def test_mirrored_takes_every_device() -> None:
    strategy = make("mirrored")
    assert isinstance(strategy, tf.distribute.MirroredStrategy)
    assert strategy.num_replicas_in_sync == len(tf.config.list_logical_devices("CPU"))
    assert worker_of(strategy).count == 1


def test_a_batch_that_cannot_be_divided_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    device = tf.config.list_logical_devices("CPU")[0]
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind: [device] * 2 if kind == "CPU" else [])
    monkeypatch.setattr(tf.distribute, "MirroredStrategy", lambda names: SimpleNamespace(num_replicas_in_sync=2))
    with pytest.raises(ValueError, match=r"batch_size is 7; it must be a multiple of the 2 replicas of .*'mirrored'"):
        make("mirrored", 7)


def test_without_a_tpu_it_is_refused() -> None:
    with pytest.raises(
        OSError, match=r"strategy is tpu, but TPU 'local' cannot be used \(TPUs not found.*set TPU_NAME"
    ):
        make("tpu")


def test_without_workers_multi_worker_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TF_CONFIG", "SLURM_PROCID"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ValueError, match=r"strategy is multi_worker, but neither TF_CONFIG nor Slurm's variables"):
        make("multi_worker")


def test_gathered_rows_keep_their_order() -> None:
    strategy = make("one_device")
    np.testing.assert_array_equal(gather(strategy, strategy.run(lambda: tf.range(4))), np.arange(4))


@pytest.mark.slow
def test_two_mirrored_devices_give_the_losses_of_one(
    make_shards: Callable[..., Path], make_config: Callable[..., ExperimentConfig], tmp_path: Path
) -> None:
    config = make_config(
        make_shards(train=[0, 1, 2, 0] * 10, validation=[0, 1, 2]),
        data={"validation_split": "validation"},
        # Clipping needs the norm over all replicas; weight decay must not be added once per replica.
        optimizer={"clip_norm": 0.5, "weight_decay": 0.01},
        schedule={"learning_rate": 0.05},
        training={"epochs": 4, "batch_size": 8},
    )
    save_config(config, tmp_path / "experiment.yaml")
    result = subprocess.run(
        [sys.executable, str(PROGRAM), str(tmp_path / "experiment.yaml"), str(tmp_path)],
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert result.returncode == 0, result.stderr[-3000:]
    losses = json.loads((tmp_path / "losses.json").read_text())
    assert len(losses["one_device"]) == 20
    np.testing.assert_allclose(losses["mirrored"], losses["one_device"], rtol=5e-5)
    for name in ("one_device", "mirrored"):
        # What was saved is plain: a synchronised layer would load on no other backend.
        model = keras.saving.load_model(tmp_path / name / "model.keras", compile=False)
        assert not model.get_layer("norm0").synchronized
