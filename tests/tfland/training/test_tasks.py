"""Each task's network, and how DELF's two stages follow each other."""

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest

from tfland.config import ExperimentConfig
from tfland.training import train
from tfland.training.tasks import build_network

pytestmark = pytest.mark.usefixtures("tiny_resnet")
MakeConfig = Callable[..., ExperimentConfig]
IMAGES = np.zeros((2, 32, 32, 3), np.float32)


@pytest.mark.parametrize("task", ["classify", "delf_descriptors"])
def test_networks_put_out_embedding_and_logits(make_config: MakeConfig, task: str) -> None:
    network = build_network(make_config(Path("s"), task=task), 3)
    outputs = network(IMAGES)
    assert set(outputs) == {"embedding", "logits"}
    assert outputs["logits"].shape == (2, 3)
    assert network.trainable_variables


def test_delf_is_trained_in_two_stages(make_shards: Callable[..., Path], make_config: MakeConfig) -> None:
    shards = make_shards(train=[0, 1, 2] * 3)
    first = train(make_config(shards, "descriptors", task="delf_descriptors", training={"epochs": 1}))
    config = make_config(
        shards,
        "attention",
        task="delf_attention",
        model={"weights": str(first.model_dir)},
        training={"epochs": 1},
    )
    second = train(config)
    before, after = (
        keras.saving.load_model(result.model_dir / "model.keras", compile=False) for result in (first, second)
    )
    for layer in before.layers:
        if layer.name.startswith(("conv", "norm")):
            for old, new in zip(layer.get_weights(), after.get_layer(layer.name).get_weights(), strict=True):
                np.testing.assert_array_equal(old, new, err_msg=f"{layer.name} is frozen")
    start = build_network(config, 3).get_layer("attention_score").get_weights()
    assert any((a != b).any() for a, b in zip(start, after.get_layer("attention_score").get_weights(), strict=True))


def test_missing_start_weights_are_named(make_config: MakeConfig) -> None:
    config = make_config(Path("s"), task="delf_attention", model={"weights": "absent"})
    with pytest.raises(FileNotFoundError, match=r"no weights file absent"):
        build_network(config, 3)


def test_a_backbone_without_conv4_is_refused(make_config: MakeConfig) -> None:
    config = make_config(Path("s"), task="delf_descriptors", model={"backbone": "efficientnet_b0"})
    with pytest.raises(ValueError, match=r"'efficientnet_b0' cannot be a DELF trunk"):
        build_network(config, 3)
