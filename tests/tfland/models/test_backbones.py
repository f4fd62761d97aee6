"""Every backbone of the table: size, shapes, preprocessing, weights."""

import dataclasses
import socket
from pathlib import Path

import keras
import numpy as np
import pytest

from delf_verify.receptive_field import receptive_field
from tfland.models.backbone_specs import BACKBONES, backbone_spec
from tfland.models.backbones import build_backbone, build_trunk, min_image_size

CONV4 = {"resnet18": 256, "resnet50": 1024, "resnet101": 1024, "resnet152": 1024}
# One of each constructor, quick to build; the whole table is in test_backbone_specs.py.
QUICK = ("resnet18", "resnet50", "efficientnet_b0")


@pytest.fixture(scope="module")
def models() -> dict[str, keras.Model]:
    return {name: build_backbone(name) for name in QUICK}


def images(size: int = 64) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (2, size, size, 3)).astype(np.uint8)


def test_integers_and_floats_are_the_same_pixels(models: dict[str, keras.Model]) -> None:
    model = models["resnet18"]
    assert model(images()).shape == (2, 2, 2, 512)
    np.testing.assert_array_equal(np.asarray(model(images())), np.asarray(model(images().astype(np.float32))))


def test_building_needs_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a connection was tried")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    for name in ("resnet18", "vgg16"):
        build_backbone(name)


def randomised(model: keras.Model) -> keras.Model:
    """Statistics and biases away from their start values, so that a lost one shows."""
    rng = np.random.default_rng(1)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.set_weights([rng.uniform(0.5, 1.5, w.shape) for w in layer.get_weights()])
    return model


def imagenet_spec(monkeypatch: pytest.MonkeyPatch, name: str, source: keras.Model) -> None:
    """Stands in for the download: the table's constructor hands out `source` as the ImageNet model."""
    spec = dataclasses.replace(backbone_spec(name), construct=lambda _weights: source)
    monkeypatch.setitem(BACKBONES, name, spec)


def test_resnet50_of_imagenet_sees_what_keras_applications_feeds_it(monkeypatch: pytest.MonkeyPatch) -> None:
    source = randomised(keras.applications.ResNet50(weights=None, include_top=False, input_shape=(None, None, 3)))
    imagenet_spec(monkeypatch, "resnet50", source)
    model = build_backbone("resnet50", "imagenet")
    prepared = keras.applications.resnet50.preprocess_input(images().astype(np.float32))
    np.testing.assert_allclose(np.asarray(model(images())), np.asarray(source(prepared)), rtol=2e-3, atol=1e-4)


def test_vgg16_of_imagenet_sees_what_keras_applications_feeds_it(monkeypatch: pytest.MonkeyPatch) -> None:
    source = keras.applications.VGG16(weights=None, include_top=False, input_shape=(None, None, 3))
    imagenet_spec(monkeypatch, "vgg16", source)
    model = build_backbone("vgg16", "imagenet")
    prepared = keras.applications.vgg16.preprocess_input(images(32).astype(np.float32))
    np.testing.assert_allclose(np.asarray(model(images(32))), np.asarray(source(prepared)), rtol=2e-3, atol=1e-4)


def test_efficientnet_of_imagenet_sees_what_keras_applications_feeds_it(monkeypatch: pytest.MonkeyPatch) -> None:
    source = randomised(keras.applications.EfficientNetB0(weights=None, include_top=False, input_shape=(None, None, 3)))
    normalization = next(layer for layer in source.layers if isinstance(layer, keras.layers.Normalization))
    # The published file: mean and "variance" sqrt(std)² = std, and a further division by sqrt(std) after it.
    normalization.mean = np.reshape([0.485, 0.456, 0.406], (1, 1, 1, 3)).astype(np.float32)
    normalization.variance = np.reshape(np.square([0.229, 0.224, 0.225]), (1, 1, 1, 3)).astype(np.float32)
    imagenet_spec(monkeypatch, "efficientnet_b0", source)
    model = build_backbone("efficientnet_b0", "imagenet")
    np.testing.assert_allclose(np.asarray(model(images())), np.asarray(source(images())), rtol=2e-3, atol=1e-4)


def test_preprocessing_is_float32_under_a_mixed_policy() -> None:
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = build_backbone("resnet18")
        pixels = np.arange(256, dtype=np.uint8).repeat(3).reshape(1, 16, 16, 3)
        scaled = keras.Model(model.input, model.get_layer("preprocessing").output)(pixels)
    finally:
        keras.config.set_dtype_policy("float32")
    assert len(np.unique(np.asarray(scaled)[..., 0])) == 256
    expected = (np.arange(256) / 255 - 0.485) / 0.229
    np.testing.assert_allclose(np.asarray(scaled)[..., 0].ravel(), expected, rtol=1e-4, atol=1e-5)
    assert model.get_layer("conv1_conv").compute_dtype == "bfloat16"


def test_the_same_seed_gives_the_same_weights() -> None:
    kernels = []
    for seed in (3, 3, 4):
        keras.utils.set_random_seed(seed)
        kernels.append(build_backbone("resnet18").get_layer("conv1_conv").get_weights()[0])
    np.testing.assert_array_equal(kernels[0], kernels[1])
    assert np.abs(kernels[0] - kernels[2]).max() > 0


def test_weights_come_from_a_file_of_ours(tmp_path: Path, models: dict[str, keras.Model]) -> None:
    models["resnet18"].save(tmp_path / "model.keras")
    for path in (tmp_path, tmp_path / "model.keras"):
        trunk = build_trunk("resnet18", str(path))
        for layer in trunk.layers:
            saved = models["resnet18"].get_layer(layer.name).get_weights()
            for ours, theirs in zip(layer.get_weights(), saved, strict=True):
                np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("name", [pytest.param(n, marks=[] if n in QUICK else pytest.mark.slow) for n in CONV4])
def test_trunk_ends_at_stride_16(name: str) -> None:
    trunk = build_trunk(name)
    assert trunk.output.shape == (None, None, None, CONV4[name])
    assert trunk.compute_output_shape((2, 65, 65, 3)) == (2, 5, 5, CONV4[name])
    assert receptive_field(trunk.output).stride == 16


def test_knows_the_smallest_image() -> None:
    assert [min_image_size(name) for name in ("resnet18", "inception_v200", "hub:resnet_50_imagenet")] == [32, 75, 32]


def test_refuses_an_unknown_name_and_offers_the_nearest() -> None:
    with pytest.raises(ValueError, match=r"backbone is 'resnet_18'; did you mean 'resnet18'\?"):
        build_backbone("resnet_18")


def test_refuses_imagenet_where_there_is_none() -> None:
    known = r"resnet50, resnet101, resnet152, efficientnet_b0, .*, efficientnet_b7, vgg16, inception_v3 have them"
    with pytest.raises(ValueError, match=f"no ImageNet weights for backbone 'resnet18'; {known}"):
        build_backbone("resnet18", "imagenet")


@pytest.mark.parametrize("name", ["efficientnet_b0", "hub:resnet_18_imagenet"])
def test_refuses_a_trunk_without_conv4(name: str) -> None:
    known = "resnet18, resnet50, resnet101, resnet152"
    with pytest.raises(ValueError, match=f"'{name}' cannot be a DELF trunk; choose one of {known}"):
        build_trunk(name)


def test_refuses_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no weights file .*nothing\.keras"):
        build_backbone("resnet18", str(tmp_path / "nothing.keras"))


def test_refuses_a_preset_s_own_weights_for_a_backbone_of_the_table() -> None:
    with pytest.raises(ValueError, match="'resnet18' is no keras-hub preset; give its weights as"):
        build_backbone("resnet18", "preset")


def test_refuses_timm_weights_for_another_build() -> None:
    known = "resnet18, seresnext101_32x4d, res2net101_26w4s take them"
    with pytest.raises(ValueError, match=f"timm's weights do not fit backbone 'resnet50'.*; {known}"):
        build_backbone("resnet50", "hf://timm/resnet50.a1_in1k")
