"""A run killed at any point and started again ends with the same weights, bit for bit."""

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

PROGRAM = Path(__file__).with_name("killed_runs.py")


def _kills(seed: int) -> list[tuple[str, int]]:
    """Twelve points in the order in which a run of 20 steps and 4 epochs can meet them."""
    rng = np.random.default_rng(seed)
    steps = [int(rng.integers(low, low + 3)) for low in (1, 7, 12)]
    return [
        ("while_writing_checkpoint", 1),
        ("after_step", steps[0]),
        ("at_epoch_end", 0),
        ("before_checkpoint_is_named", 1),
        ("after_milliseconds", int(rng.integers(1, 40))),
        ("after_step", steps[1]),
        ("after_validation", 0),
        ("terminated_after_step", 11),
        ("after_step", steps[2]),
        ("while_writing_checkpoint", 2),
        ("before_export", 0),
        ("before_metrics", 0),
    ]


def _run(config: ExperimentConfig, kills: list[tuple[str, int]], folder: Path) -> None:
    """Trains undisturbed, then with the kills; both must end with the same weights and the same history."""
    save_config(config, folder / "experiment.yaml")
    (folder / "kills.json").write_text(json.dumps(kills))
    result = subprocess.run(
        [sys.executable, str(PROGRAM), str(folder / "experiment.yaml"), str(folder), str(folder / "kills.json")],
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert result.returncode == 0, result.stderr[-3000:]
    ends = [143 if name == "terminated_after_step" else -9 for name, _ in kills]
    assert json.loads((folder / "codes.json").read_text()) == [0, *ends, 0], result.stderr[-3000:]
    expected, found = (json.loads((folder / name / "metrics.json").read_text()) for name in ("uninterrupted", "killed"))
    assert len(expected["epochs"]) == 4
    # Weights by their digest, and the history of every epoch.
    assert found == expected


@pytest.mark.slow
def test_twelve_kills_change_nothing(
    make_shards: Callable[..., Path], make_config: Callable[..., ExperimentConfig], tmp_path: Path
) -> None:
    config = make_config(
        make_shards(train=[0, 1, 2, 0, 1, 2, 0, 1, 2, 0] * 2, validation=[0, 1, 2]),
        data={"validation_split": "validation"},
        model={"dropout": 0.2, "embedding_size": 8},
        optimizer={"clip_norm": 5.0},
        training={"epochs": 4, "checkpoint_every_steps": 2},
    )
    _run(config, _kills(config.training.seed), tmp_path)
    leftovers = [path.name for path in (tmp_path / "killed" / "checkpoints").iterdir()]
    assert sorted(name for name in leftovers if name.startswith("step-")) == [
        "step-18.data-00000-of-00001",
        "step-18.index",
        "step-20.data-00000-of-00001",
        "step-20.index",
    ]


@pytest.mark.slow
def test_two_mirrored_devices_resume_as_exactly(
    make_shards: Callable[..., Path], make_config: Callable[..., ExperimentConfig], tmp_path: Path
) -> None:
    config = make_config(
        make_shards(train=[0, 1, 2, 0, 1, 2, 0, 1, 2, 0] * 2, validation=[0, 1, 2]),
        data={"validation_split": "validation"},
        model={"dropout": 0.2},
        training={"epochs": 4, "checkpoint_every_steps": 2, "strategy": "mirrored"},
    )
    _run(config, [("after_step", 3), ("terminated_after_step", 7), ("after_validation", 0)], tmp_path)


@pytest.mark.slow
def test_the_state_of_every_part_of_the_step_is_kept(
    make_shards: Callable[..., Path], make_config: Callable[..., ExperimentConfig], tmp_path: Path
) -> None:
    """Averages, loss scale, micro-batches, and the backbone's own optimizer, which begins after step 8."""
    config = make_config(
        make_shards(train=[0, 1, 2, 0, 1, 2, 0, 1, 2, 0] * 2, validation=[0, 1, 2]),
        data={"validation_split": "validation"},
        model={"dropout": 0.2, "embedding_size": 8},
        optimizer={
            "name": "adamw",
            "clip_norm": 5.0,
            "accumulation_steps": 2,
            "backbone_rate": 0.5,
            "freeze_backbone_epochs": 1.5,
            "average_decay": 0.9,
        },
        training={"epochs": 4, "checkpoint_every_steps": 2, "precision": "float16"},
    )
    steps = [("after_step", step) for step in (5, 9, 15)]
    _run(config, [steps[0], ("while_writing_checkpoint", 1), *steps[1:]], tmp_path)
