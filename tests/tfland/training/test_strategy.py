"""Devices: one process and two replicas train alike."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfland.config import ExperimentConfig
from tfland.config_io import save_config
from tfland.training.strategy import make_strategy

PROGRAM = Path(__file__).with_name("mirrored_runs.py")


def test_one_device_is_one_replica() -> None:
    assert make_strategy("one_device", 7).num_replicas_in_sync == 1


def test_mirrored_takes_every_device() -> None:
    strategy = make_strategy("mirrored", 8)
    assert isinstance(strategy, tf.distribute.MirroredStrategy)
    assert strategy.num_replicas_in_sync == len(tf.config.list_logical_devices("CPU"))


def test_a_batch_that_cannot_be_divided_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    device = tf.config.list_logical_devices("CPU")[0]
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind: [device] * 2 if kind == "CPU" else [])
    with pytest.raises(ValueError, match=r"training.batch_size is 7; it must be a multiple of the 2 replicas"):
        make_strategy("mirrored", 7)


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
