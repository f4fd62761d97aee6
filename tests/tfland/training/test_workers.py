"""Two workers train as one process does; killed or told to end and started again, they end with the same weights."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tfland.config import ExperimentConfig
from tfland.config_io import save_config

PROGRAM = Path(__file__).with_name("worker_runs.py")


@pytest.mark.slow
def test_two_workers(
    make_shards: Callable[..., Path], make_config: Callable[..., ExperimentConfig], tmp_path: Path
) -> None:
    config = make_config(
        # 14 photographs in batches of 4, and 5 to validate: no epoch ends with a batch, and the last one is partial.
        make_shards(train=[0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1], validation=[0, 1, 2, -1, 1]),
        data={"validation_split": "validation"},
        optimizer={"clip_norm": 0.5},
        training={"epochs": 4, "checkpoint_every_steps": 2, "worker_timeout_seconds": 60},
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
    assert json.loads((tmp_path / "codes.json").read_text()) == {
        "one_device": 0,
        "uninterrupted": [0, 0],
        "killed worker": [1, -9],
        "killed chief": [-9, 1],
        "ended worker": [143, 143],
        "restarted": [0, 0],
    }, result.stderr[-6000:]
    assert "another worker of this run is gone" in result.stderr
    assert "SIGTERM ended the run at step 9 of 14; its checkpoint is written" in result.stderr
    one, expected, found = (
        json.loads((tmp_path / name / "metrics.json").read_text()) for name in ("one_device", "uninterrupted", "killed")
    )
    # Weights by their digests, and the history of every epoch.
    assert found == expected
    for alone, together in zip(one["epochs"], expected["epochs"], strict=True):
        assert alone.keys() == together.keys()
        np.testing.assert_allclose(list(together.values()), list(alone.values()), rtol=1e-3)
    # The chief alone writes.
    assert len(list((tmp_path / "uninterrupted" / "logs").iterdir())) == 1
    names = {path.name.partition(".")[0] for path in (tmp_path / "killed" / "checkpoints").iterdir()}
    assert names == {"checkpoint", "step-12", "step-14"}
