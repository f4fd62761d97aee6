"""Whole runs on a tiny network: what they write, and what they refuse."""

import json
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest

from tfland.config import ExperimentConfig
from tfland.config_io import load_config
from tfland.models.build import load_model
from tfland.training import train

Shards = Callable[..., Path]
MakeConfig = Callable[..., ExperimentConfig]

pytestmark = pytest.mark.usefixtures("tiny_resnet")
TRAIN = [0, 1, 2] * 4


def test_arcface_learns_and_its_cosines_stay_cosines(make_shards: Shards, make_config: MakeConfig) -> None:
    config = make_config(
        make_shards(train=TRAIN),
        model={"head": "cosine", "embedding_size": 8, "pooling": "gem"},
        loss={"name": "arcface", "scale": 16.0, "margin": 0.3},
        optimizer={"name": "adamw"},
        schedule={"learning_rate": 0.03},
        training={"epochs": 20, "batch_size": 6},
    )
    result = train(config)
    assert result.metrics["final"]["train_top1"] > 0.9
    assert result.metrics["final"]["train_loss"] < 0.5 * result.metrics["epochs"][0]["train_loss"]
    model = load_model(result.model_dir / "model.keras")
    cosines = np.asarray(model(np.random.default_rng(0).integers(0, 255, (4, 32, 32, 3), np.uint8))["logits"])
    assert np.abs(cosines).max() <= 1 + 1e-6


def test_a_run_learns_and_writes_a_model_directory(make_shards: Shards, make_config: MakeConfig) -> None:
    shards = make_shards(train=TRAIN, validation=[2, 1, 0, -1, 2])
    config = make_config(
        shards,
        data={"validation_split": "validation", "crop": "shift", "shift_pixels": 4, "rotation_degrees": 5.0},
        optimizer={"name": "adamw"},
        schedule={"learning_rate": 0.03},
        training={"epochs": 20, "batch_size": 6},
    )
    result = train(config)
    folder = result.model_dir
    names = {path.name for path in folder.iterdir()}
    assert names == {
        "model.keras", "last.keras", "config.yaml", "labels.csv", "metrics.json", "curves.png", "checkpoints", "logs",
        "fingerprint.json",
    }  # fmt: skip
    assert load_config(folder / "config.yaml") == config
    assert json.loads((folder / "metrics.json").read_text()) == result.metrics
    assert (folder / "labels.csv").read_text() == (shards / "labels.csv").read_text()
    assert len(result.metrics["epochs"]) == 20
    assert result.metrics["num_steps"] == 40
    assert result.metrics["final"]["train_top1"] > 0.9
    assert result.metrics["final"]["validation_top1"] == 1.0
    assert 0 < result.metrics["final"]["validation_gap"] <= 1
    assert 0 < result.metrics["final"]["validation_knn_gap"] <= 1
    gaps = [epoch["validation_gap"] for epoch in result.metrics["epochs"]]
    assert result.metrics["best"]["validation_gap"] == max(gaps)
    assert [epoch["step"] for epoch in result.metrics["epochs"]] == list(range(2, 41, 2))
    assert not list((folder / "checkpoints").glob("best-*"))
    model = keras.saving.load_model(folder / "model.keras", compile=False)
    assert model(np.zeros((1, 32, 32, 3), np.uint8))["logits"].shape == (1, 3)


def test_bfloat16_computes_in_half_and_keeps_whole_weights(make_shards: Shards, make_config: MakeConfig) -> None:
    config = make_config(make_shards(train=TRAIN), training={"epochs": 1, "precision": "bfloat16"})
    result = train(config)
    assert np.isfinite(result.metrics["final"]["train_loss"])
    model = keras.saving.load_model(result.model_dir / "model.keras", compile=False)
    assert model.get_layer("conv1").compute_dtype == "bfloat16"
    assert {weight.dtype for weight in model.weights} == {"float32"}
    assert model(np.zeros((1, 32, 32, 3), np.uint8))["logits"].dtype == "float32"


def test_a_finished_run_is_left_alone(make_shards: Shards, make_config: MakeConfig, caplog) -> None:  # type: ignore[no-untyped-def]
    config = make_config(make_shards(train=TRAIN), training={"epochs": 1})
    first = train(config)
    before = (first.model_dir / "model.keras").stat().st_mtime_ns
    with caplog.at_level("INFO"):
        again = train(config)
    assert again.metrics == first.metrics
    assert "is finished; nothing to do" in caplog.text
    assert (first.model_dir / "model.keras").stat().st_mtime_ns == before


def test_equal_runs_give_equal_bytes(make_shards: Shards, make_config: MakeConfig) -> None:
    shards = make_shards(train=TRAIN, validation=[0, 1, 2])
    data = {"validation_split": "validation"}
    first, second = (
        train(make_config(shards, name, data=data, model={"dropout": 0.3}, training={"epochs": 1}))
        for name in ("first", "second")
    )
    for name in ("metrics.json", "curves.png", "labels.csv"):
        assert (first.model_dir / name).read_bytes() == (second.model_dir / name).read_bytes()


def test_another_configuration_is_refused(make_shards: Shards, make_config: MakeConfig) -> None:
    shards = make_shards(train=TRAIN)
    train(make_config(shards, training={"epochs": 1}))
    with pytest.raises(ValueError, match=r"training.epochs was 1 and is now 3; give another training.model_dir"):
        train(make_config(shards, training={"epochs": 3}))
    with pytest.raises(ValueError, match=r"schedule.learning_rate was 0.01 and is now 0.5"):
        train(make_config(shards, training={"epochs": 1}, schedule={"learning_rate": 0.5}))
    with pytest.raises(ValueError, match=r"task was 'classify' and is now 'delf_descriptors'"):
        train(make_config(shards, training={"epochs": 1}, task="delf_descriptors"))


def test_other_data_are_refused_and_moved_data_are_not(make_shards: Shards, make_config: MakeConfig) -> None:
    shards, other = make_shards(train=TRAIN), make_shards("other", train=[*TRAIN, 0])
    first = train(make_config(shards, training={"epochs": 1}))
    with pytest.raises(ValueError, match=r"belongs to another configuration: the shards was"):
        train(make_config(other, training={"epochs": 1}))
    moved = shards.rename(shards.with_name("moved"))
    assert train(make_config(moved, training={"epochs": 1})).metrics == first.metrics


def test_a_model_refuses_shards_built_with_other_labels(make_shards: Shards, make_config: MakeConfig) -> None:
    train(make_config(make_shards(train=TRAIN), training={"epochs": 1}))
    other = make_shards("other", train=[*TRAIN, 3])
    with pytest.raises(ValueError, match=r"other was built with 4 classes, the model has 3; use its own shards"):
        train(make_config(other, training={"epochs": 1}))


def test_bad_labels_end_the_run_before_its_first_step(make_shards: Shards, make_config: MakeConfig) -> None:
    config = make_config(make_shards(train=[0, 1, -1, 0]))
    with pytest.raises(ValueError, match=r"label -1 \(1 such records\); training takes no photograph without"):
        train(config)
    assert not Path(config.training.model_dir).exists()


def test_a_missing_shard_ends_the_run(make_shards: Shards, make_config: MakeConfig) -> None:
    shards = make_shards(train=TRAIN)
    (shards / "train-00001-of-00002.tfrecord").unlink()
    with pytest.raises(FileNotFoundError, match=r"train-00001-of-00002.tfrecord is missing"):
        train(make_config(shards))
