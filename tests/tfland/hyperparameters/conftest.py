"""Searches whose trainings are a formula."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tfland.config import ExperimentConfig
from tfland.training import TrainResult

Train = Callable[..., TrainResult]


def train_by_formula(
    config: ExperimentConfig, *, on_epoch: Callable[[dict[str, float]], None] | None = None
) -> TrainResult:
    """Three epochs towards a GAP that is best at learning rate 0.01 and margin 0.3."""
    best = 1 - 0.2 * abs(math.log10(config.schedule.learning_rate) + 2) - abs(config.loss.margin - 0.3)
    epochs = [{"epoch": n, "train_loss": 2.0 - best, "validation_gap": best * n / 3} for n in (1, 2, 3)]
    for epoch in epochs:
        if on_epoch is not None:
            on_epoch(epoch)
    return TrainResult(model_dir=Path(config.training.model_dir), metrics={"final": epochs[-1], "epochs": epochs})


@pytest.fixture
def formula() -> Train:
    """Three epochs without any training."""
    return train_by_formula


@pytest.fixture
def formula_trains(monkeypatch: pytest.MonkeyPatch) -> None:
    """`tfland.training.train` becomes a formula."""
    import tfland.training

    monkeypatch.setattr(tfland.training, "train", train_by_formula)


@pytest.fixture
def write_search(tmp_path: Path) -> Callable[..., Path]:
    """A function that writes an experiment and a search over it: write_search(trials=5, …) -> the search's file."""
    import yaml

    def write(**values: Any) -> Path:
        (tmp_path / "experiment.yaml").write_text(
            f"data: {{shards: {tmp_path}/shards}}\n"
            f"training: {{model_dir: {tmp_path}/model}}\n"
            "model: {head: cosine}\nloss: {name: arcface}\n"
        )
        search = {
            "experiment": "experiment.yaml",
            "out": str(tmp_path / "search"),
            "space": {
                "schedule.learning_rate": {"low": 1e-4, "high": 1.0, "log": True},
                "loss.margin": [0.1, 0.3, 0.5],
            },
            "trials": 8,
            **values,
        }
        path = tmp_path / "search.yaml"
        path.write_text(yaml.safe_dump(search, sort_keys=False))
        return path

    return write
