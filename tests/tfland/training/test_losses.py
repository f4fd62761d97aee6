"""Each loss, neck and pooling through a whole run: it learns, and the classifier that is read back is on its scale."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tfland.config import ExperimentConfig
from tfland.recognition.classifier import Classifier
from tfland.training import train

pytestmark = [pytest.mark.usefixtures("tiny_resnet"), pytest.mark.slow]
MakeConfig = Callable[..., ExperimentConfig]

LDAM = {"name": "ldam", "class_weights": "effective_number", "class_weights_from_epoch": 2.0}
ARCFACE = {"name": "arcface", "scale": 20.0, "margin": 0.2, "class_margins": "by_size", "class_weights": "log"}
FOCAL = {"name": "softmax", "focal_gamma": 2.0, "class_weights": "log", "class_weights_normalisation": "global"}


@pytest.mark.parametrize(
    ("loss", "model", "scale"),
    [
        (LDAM, {"head": "cosine", "embedding_size": 8, "neck": "linear_bn", "pooling": "max"}, 30.0),
        (ARCFACE, {"head": "cosine", "embedding_size": 8, "neck_dropout": 0.1, "gem_per_channel": True}, 20.0),
        (FOCAL, {"head": "cosine", "embedding_size": 8, "neck": "linear"}, 30.0),
    ],
    ids=["ldam", "arcface", "focal"],
)
def test_it_learns_what_class_a_photograph_is(
    make_shards: Callable[..., Path], make_config: MakeConfig, loss: dict[str, Any], model: dict[str, Any], scale: float
) -> None:
    shards = make_shards(train=[0, 0, 0, 1, 1, 2] * 2)
    config = make_config(
        shards,
        loss=loss,
        model=model,
        optimizer={"name": "adam", "weight_decay": 0.0},
        schedule={"name": "constant", "learning_rate": 0.01},
        training={"epochs": 4},
    )
    result = train(config)
    losses = [epoch["train_loss"] for epoch in result.metrics["epochs"]]
    assert np.isfinite(losses).all()
    assert losses[-1] < losses[0]
    classifier = Classifier.load(result.model_dir)
    assert classifier.config.loss.logit_scale == scale
    images = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3)).astype(np.uint8)
    logits = np.asarray(classifier.model(images)["logits"], float)
    expected = np.exp(scale * logits) / np.exp(scale * logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(classifier.probabilities(images), expected, rtol=1e-3, atol=1e-6)
