"""A gate is trained, judged and started from other weights."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tfland.config import ExperimentConfig
from tfland.config_io import load_config
from tfland.training import train

Shards = Callable[..., Path]
MakeConfig = Callable[..., ExperimentConfig]

pytestmark = pytest.mark.usefixtures("tiny_resnet")


def test_a_gate_learns_and_measures_itself(make_shards: Shards, make_config: MakeConfig) -> None:
    landmarks = make_shards(train=[0, 1] * 4, validation=[0, 1, 1])
    negatives = make_shards("negatives", train=[-1] * 8, validation=[-1] * 3)
    settings = {
        "data": {"validation_split": "validation", "negative_shards": str(negatives), "rotation_degrees": 0.0},
        "optimizer": {"name": "adamw"},
        "schedule": {"learning_rate": 0.03},
        "training": {"epochs": 15, "batch_size": 8},
    }
    result = train(make_config(landmarks, task="gate", **settings))
    best = result.metrics["best"]
    assert best["validation_auc"] == 1.0
    assert best["validation_f1"] == 1.0
    assert 0 < best["validation_threshold"] < 1
    assert {"validation_precision", "validation_recall", "validation_top1", "validation_loss"} <= set(best)
    assert "validation_gap" not in best
    assert (result.model_dir / "labels.csv").read_text() == "label,landmark_id,images\n0,0,8\n1,1,8\n"
    config = load_config(result.model_dir / "config.yaml")
    assert (config.training.best_metric, config.training.knn) == ("validation_auc", "off")


def test_a_gate_starts_from_a_network_of_other_classes(make_shards: Shards, make_config: MakeConfig) -> None:
    """Places365 in seed 000; its classifier does not fit and is left out."""
    shards = make_shards(train=[0, 1, 2, -1])
    places = train(make_config(make_shards("places", train=[0, 1, 2]), "places", training={"epochs": 1}))
    config = make_config(shards, "gate", task="gate", model={"weights": str(places.model_dir)}, training={"epochs": 1})
    assert train(config).metrics["num_classes"] == 2
