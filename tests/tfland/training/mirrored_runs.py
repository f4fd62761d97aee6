"""A program for test_strategy.py: the same 20 steps on one device and on two mirrored virtual CPU devices.

Usage: mirrored_runs.py CONFIG.yaml FOLDER; writes FOLDER/losses.json: {"one_device": [20], "mirrored": [20]}.
"""

import json
import sys
from pathlib import Path

import tensorflow as tf
from conftest import tiny_spec  # type: ignore[import-not-found]

from tfland.config_io import load_config
from tfland.models.backbones import BACKBONES
from tfland.training import loop, progress, train


def main() -> None:
    config_file, folder = sys.argv[1], Path(sys.argv[2])
    devices = [tf.config.LogicalDeviceConfiguration()] * 2
    tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], devices)
    BACKBONES["resnet18"] = tiny_spec()
    loop._MAX_STEPS_PER_REPORT = 1
    losses: dict[str, list[float]] = {}
    for strategy in ("one_device", "mirrored"):
        seen = losses.setdefault(strategy, [])

        def record(
            _self: progress.Board,
            _step: int,
            _num: int,
            scores: dict[str, float],
            _waited: float,
            seen: list[float] = seen,
        ) -> None:
            seen.append(scores["train/loss"])

        progress.Board.steps = record  # type: ignore[method-assign]
        train(load_config(config_file, [f"training.strategy={strategy}", f"training.model_dir={folder / strategy}"]))
    # Dropout draws from a generator that every replica has a copy of; it must run, but cannot give the same numbers.
    progress.Board.steps = lambda *_: None  # type: ignore[assignment, method-assign]
    dropout = ["model.dropout=0.5", "training.epochs=1", f"training.model_dir={folder / 'dropout'}"]
    train(load_config(config_file, ["training.strategy=mirrored", *dropout]))
    (folder / "losses.json").write_text(json.dumps(losses))


if __name__ == "__main__":
    main()
