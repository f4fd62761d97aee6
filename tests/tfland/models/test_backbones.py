"""Every backbone of the table: size, shapes, preprocessing, weights."""

import socket
from pathlib import Path

import keras
import numpy as np
import pytest

from tfland.models.backbones import BACKBONES, BackboneSpec, backbone_spec, build_backbone, build_trunk

# Published parameter counts with a 1000-class head, in millions: He et al. 2016 as counted by torchvision (which
# leaves out the statistics of batch normalisation), Tan and Le 2019 (table 2).
PUBLISHED = {"resnet18": 11.69, "resnet50": 25.6, "efficientnet_b0": 5.3}
CONV4_CHANNELS = {"resnet18": 256, "resnet50": 1024}


@pytest.fixture(scope="module")
def models() -> dict[str, keras.Model]:
    return {name: build_backbone(name) for name in BACKBONES}


def images(size: int = 64) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (2, size, size, 3)).astype(np.uint8)


@pytest.mark.parametrize("name", BACKBONES)
def test_has_the_published_number_of_parameters(models: dict[str, keras.Model], name: str) -> None:
    head = (backbone_spec(name).channels + 1) * 1000
    trained = sum(int(np.prod(weight.shape)) for weight in models[name].trainable_weights)
    assert (trained + head) / 1e6 == pytest.approx(PUBLISHED[name], rel=0.006)
    if name == "resnet18":
        assert trained + head == 11_689_512  # torchvision's count, to the digit


@pytest.mark.parametrize("name", BACKBONES)
def test_is_one_flat_graph_of_built_in_layers(models: dict[str, keras.Model], name: str) -> None:
    model = models[name]
    assert model.output.shape == (None, None, None, backbone_spec(name).channels)
    assert not [layer.name for layer in model.layers if isinstance(layer, keras.Model)]
    assert {type(layer).__module__.split(".")[0] for layer in model.layers} == {"keras"}
    assert [layer.name for layer in model.layers[:3]] == ["image", "preprocessing", backbone_spec(name).first_layer]


def test_integers_and_floats_are_the_same_pixels(models: dict[str, keras.Model]) -> None:
    model = models["resnet18"]
    assert model(images()).shape == (2, 2, 2, 512)
    np.testing.assert_array_equal(np.asarray(model(images())), np.asarray(model(images().astype(np.float32))))


def test_building_needs_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a connection was tried")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    for name in BACKBONES:
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
    settings = {**vars(backbone_spec(name)), "construct": lambda _weights: source}
    monkeypatch.setitem(BACKBONES, name, BackboneSpec(**settings))


def test_resnet50_of_imagenet_sees_what_keras_applications_feeds_it(monkeypatch: pytest.MonkeyPatch) -> None:
    source = randomised(keras.applications.ResNet50(weights=None, include_top=False, input_shape=(None, None, 3)))
    imagenet_spec(monkeypatch, "resnet50", source)
    model = build_backbone("resnet50", "imagenet")
    prepared = keras.applications.resnet50.preprocess_input(images().astype(np.float32))
    np.testing.assert_allclose(np.asarray(model(images())), np.asarray(source(prepared)), rtol=2e-3, atol=1e-4)


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


@pytest.mark.parametrize("name", CONV4_CHANNELS)
def test_trunk_ends_at_stride_16(name: str) -> None:
    trunk = build_trunk(name)
    assert trunk.output.shape == (None, None, None, CONV4_CHANNELS[name])
    assert trunk(images(65)).shape == (2, 5, 5, CONV4_CHANNELS[name])


def test_refuses_an_unknown_name_and_offers_the_nearest() -> None:
    with pytest.raises(ValueError, match=r"unknown backbone 'resnet_18'.*Did you mean 'resnet18'\?"):
        build_backbone("resnet_18")


def test_refuses_imagenet_where_there_is_none() -> None:
    with pytest.raises(ValueError, match="no ImageNet weights for backbone 'resnet18'; resnet50, efficientnet_b0"):
        build_backbone("resnet18", "imagenet")


def test_refuses_a_trunk_without_conv4() -> None:
    with pytest.raises(ValueError, match="'efficientnet_b0' cannot be a DELF trunk; choose one of resnet18, resnet50"):
        build_trunk("efficientnet_b0")


def test_refuses_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no weights file .*nothing\.keras"):
        build_backbone("resnet18", str(tmp_path / "nothing.keras"))
