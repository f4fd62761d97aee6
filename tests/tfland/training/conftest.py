"""A network small enough to be trained in a test, and experiments on it."""

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import pytest

from tfland.config import ExperimentConfig
from tfland.config_io import config_from_dict
from tfland.models.backbones import BACKBONES, BackboneSpec

MakeConfig = Callable[..., ExperimentConfig]


def tiny_network(_weights: str | None) -> keras.Model:
    """Five halvings with batch normalisation, as in a ResNet; the fourth ends in a layer to be DELF's conv4."""
    x = image = keras.Input((None, None, 3))
    for number in range(5):
        x = keras.layers.Conv2D(8, 3, strides=2, padding="same", use_bias=False, name=f"conv{number}")(x)
        x = keras.layers.BatchNormalization(momentum=0.8, name=f"norm{number}")(x)
        x = keras.layers.ReLU(name=f"out{number}")(x)
    return keras.Model(image, x)


def tiny_spec() -> BackboneSpec:
    """The table entry that makes "resnet18" a network of 3,000 parameters; programs beside this file use it too."""
    return dataclasses.replace(
        BACKBONES["resnet18"], construct=tiny_network, channels=8, first_layer="conv0", conv4_layer="out3"
    )


@pytest.fixture
def tiny_resnet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes "resnet18" a network of 3,000 parameters."""
    monkeypatch.setitem(BACKBONES, "resnet18", tiny_spec())


@pytest.fixture
def make_config(tmp_path: Path) -> MakeConfig:
    """A function that makes an experiment: make_config(shards, training={"epochs": 3}, model={…})."""

    def make(shards: Path, name: str = "model", task: str = "classify", **sections: dict[str, Any]) -> ExperimentConfig:
        values: dict[str, dict[str, Any]] = {
            "data": {"shards": str(shards), "image_size": 32, "validation_split": None},
            "model": {"backbone": "resnet18"},
            "training": {"model_dir": str(tmp_path / name), "epochs": 2, "batch_size": 4, "seed": 1},
        }
        for section, settings in sections.items():
            values[section] = {**values.get(section, {}), **settings}
        return config_from_dict({"task": task, **values})

    return make


@pytest.fixture(autouse=True)
def _policy_is_put_back() -> Iterator[None]:
    yield
    assert keras.mixed_precision.dtype_policy().name == "float32"
