"""The whole classifier: outputs, round trips, weights, and the same numbers on JAX."""

import dataclasses
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from tfland.config import LossConfig, ModelConfig
from tfland.losses import build_loss
from tfland.models.batch_norm import synchronize_batch_norm
from tfland.models.build import build_model

ROOT = Path(__file__).resolve().parents[3]
WINNER = ModelConfig(backbone="resnet18", pooling="gem", embedding_size=8, dropout=0.2, head="cosine")
PLAIN = ModelConfig(backbone="resnet18", pooling="average", head="linear")


def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (2, 48, 64, 3)).astype(np.uint8)


@pytest.fixture(scope="module")
def winner() -> keras.Model:
    keras.utils.set_random_seed(0)
    return build_model(WINNER, num_classes=7, image_size=64)


@pytest.fixture(scope="module")
def saved(winner: keras.Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "model.keras"
    winner.save(path)
    return path


def test_outputs(winner: keras.Model) -> None:
    outputs = winner(images())
    assert {name: tuple(value.shape) for name, value in outputs.items()} == {"embedding": (2, 8), "logits": (2, 7)}
    assert np.abs(np.asarray(outputs["logits"])).max() <= 1


def test_without_an_embedding_size_the_pooled_features_are_the_embedding() -> None:
    model = build_model(PLAIN, num_classes=7, image_size=64)
    outputs = model(images())
    assert tuple(outputs["embedding"].shape) == (2, 512)
    kernel, bias = model.get_layer("logits").get_weights()
    expected = np.asarray(outputs["embedding"]) @ kernel + bias
    np.testing.assert_allclose(np.asarray(outputs["logits"]), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("settings", "layers"),
    [
        ({"pooling": "max"}, {"pooling": "GlobalMaxPooling2D"}),
        ({"pooling": "gem", "gem_per_channel": True}, {"pooling": "GeMPooling"}),
        ({"embedding_size": 1000, "neck": "linear"}, {"embedding_dense": "Dense", "embedding": "Activation"}),
        (
            {"embedding_size": 8, "neck": "linear_bn"},
            {"embedding_dense": "Dense", "embedding_bn": "BatchNormalization"},
        ),
        ({"embedding_size": 8, "neck_dropout": 0.3}, {"neck_dropout": "Dropout", "embedding_prelu": "PReLU"}),
    ],
)
def test_poolings_and_necks_by_configuration(settings: dict[str, Any], layers: dict[str, str]) -> None:
    model = build_model(dataclasses.replace(PLAIN, **settings), num_classes=3, image_size=32)
    assert {name: type(model.get_layer(name)).__name__ for name in layers} == layers
    assert model.output["embedding"].shape == (None, settings.get("embedding_size", 512))
    if settings.get("gem_per_channel"):
        assert model.get_layer("pooling").p.shape == (512,)


def test_dropout_works_in_training_and_spares_the_embedding(winner: keras.Model) -> None:
    model = keras.models.clone_model(winner)
    names = [layer.name for layer in model.layers]
    assert names.index("dropout") > names.index("embedding")
    assert model.get_layer("dropout").rate == 0.2


def test_saved_and_loaded_it_gives_the_same_numbers(winner: keras.Model, saved: Path) -> None:
    loaded = keras.models.load_model(saved)
    for name, value in winner(images()).items():
        np.testing.assert_array_equal(np.asarray(loaded(images())[name]), np.asarray(value))


def test_synchronised_it_gives_the_same_numbers(winner: keras.Model) -> None:
    synchronised = synchronize_batch_norm(winner)
    norms = [each for each in synchronised.layers if isinstance(each, keras.layers.BatchNormalization)]
    assert len(norms) == 21
    assert all(each.synchronized for each in norms)
    for name, value in winner(images()).items():
        np.testing.assert_array_equal(np.asarray(synchronised(images())[name]), np.asarray(value))


def test_weights_from_a_file_include_the_neck_but_not_a_head_of_other_classes(winner: keras.Model, saved: Path) -> None:
    model = build_model(dataclasses.replace(WINNER, weights=str(saved)), num_classes=5, image_size=64)
    embedding = np.asarray(winner(images())["embedding"])
    np.testing.assert_array_equal(np.asarray(model(images())["embedding"]), embedding)
    assert model(images())["logits"].shape == (2, 5)


def test_refuses_the_weights_of_another_backbone(saved: Path) -> None:
    # ResNet18 and ResNet50 share the names and shapes of their stems: a few layers do fit.
    config = ModelConfig(backbone="resnet50", embedding_size=8, weights=str(saved))
    with pytest.raises(ValueError, match=r"only \d of \d+ layers fit 'resnet50_classifier'"):
        build_model(config, num_classes=7, image_size=64)


def test_outputs_are_float32_under_a_mixed_policy() -> None:
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        outputs = [build_model(config, 7, 64)(images()) for config in (WINNER, PLAIN)]
    finally:
        keras.config.set_dtype_policy("float32")
    for each in outputs:
        assert {keras.backend.standardize_dtype(value.dtype) for value in each.values()} == {"float32"}


@pytest.mark.parametrize(("classes", "size", "message"), [(1, 64, "num_classes is 1"), (7, 31, "image_size is 31")])
def test_refuses_what_no_network_can_take(classes: int, size: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build_model(PLAIN, classes, size)


@pytest.mark.parametrize(
    ("config", "size", "message"),
    [
        (ModelConfig(backbone="inception_v200"), 74, "image_size is 74; inception_v200 needs at least 75 pixels"),
        (
            ModelConfig(backbone="inception_v3", auxiliary_head=True),
            298,
            r"image_size is 298; model\.auxiliary_head needs at least 299 pixels, for less set it to false",
        ),
    ],
)
def test_refuses_images_that_a_backbone_cannot_take(config: ModelConfig, size: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build_model(config, 7, size)


@pytest.mark.slow
def test_an_inception_has_an_auxiliary_head_for_training() -> None:
    model = build_model(ModelConfig(backbone="inception_v200", auxiliary_head=True), 7, 299)
    assert {name: each.shape for name, each in model.output.items()} == {
        "embedding": (None, 2048),
        "logits": (None, 7),
        "auxiliary_logits": (None, 7),
    }


@pytest.mark.slow
def test_gives_the_same_numbers_on_jax(winner: keras.Model, saved: Path, tmp_path: Path) -> None:
    pytest.importorskip("jax", reason="the JAX backend is not installed")
    np.save(tmp_path / "images.npy", images())
    program = """
import sys
import keras, numpy as np
import tfland.models
from tfland.config import LossConfig
from tfland.losses import build_loss
assert keras.backend.backend() == "jax"
folder = sys.argv[2]
outputs = keras.models.load_model(sys.argv[1]).predict(np.load(folder + "/images.npy"), verbose=0)
loss = build_loss(LossConfig(name="arcface"), [1] * 7)(np.array([1, 6]), outputs["logits"])
np.savez(folder + "/outputs.npz", loss=loss, **outputs)
"""
    environment = {**os.environ, "KERAS_BACKEND": "jax"}
    command = [sys.executable, "-c", program, str(saved), str(tmp_path)]
    settings = {"env": environment, "cwd": ROOT, "capture_output": True, "text": True, "timeout": 300}
    result = subprocess.run(command, check=False, **settings)
    assert result.returncode == 0, result.stderr[-3000:]
    on_jax = np.load(tmp_path / "outputs.npz")
    outputs = winner(images())
    for name in ("embedding", "logits"):
        np.testing.assert_allclose(on_jax[name], np.asarray(outputs[name]), rtol=1e-3, atol=1e-4)
    loss = build_loss(LossConfig(name="arcface"), [1] * 7)(np.array([1, 6]), outputs["logits"])
    np.testing.assert_allclose(on_jax["loss"], np.asarray(loss), rtol=1e-3)
