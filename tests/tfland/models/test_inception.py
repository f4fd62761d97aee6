"""InceptionV3 as Keras builds it, seed 004's variants, the auxiliary classifier."""

from pathlib import Path

import keras
import numpy as np
import pytest

from tfland.models.backbone_specs import BACKBONES, backbone_spec
from tfland.models.backbones import build_backbone
from tfland.models.inception import AUXILIARY_LAYER, auxiliary_head, copy_in_order, inception


def sizes(model: keras.Model, *names: str) -> list[tuple[int, ...]]:
    probe = keras.Model(model.input, [model.get_layer(name).output for name in names])
    return [shape[1:] for shape in probe.compute_output_shape((1, 299, 299, 3))]


def convolutions(model: keras.Model, prefix: str) -> dict[str, tuple[int, ...]]:
    layers = [layer for layer in model.layers if layer.name.startswith(prefix) and layer.name.endswith("_conv")]
    return {layer.name.removesuffix("_conv"): tuple(layer.kernel.shape) for layer in layers}


@pytest.mark.slow
def test_inception_v3_of_imagenet_sees_what_keras_applications_feeds_it(monkeypatch: pytest.MonkeyPatch) -> None:
    source = keras.applications.InceptionV3(weights=None, include_top=False, input_shape=(None, None, 3))
    rng = np.random.default_rng(1)
    for layer in source.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.set_weights([rng.uniform(0.5, 1.5, w.shape) for w in layer.get_weights()])
    real = keras.applications.InceptionV3

    def download(**settings: object) -> keras.Model:
        return source if settings["weights"] == "imagenet" else real(**settings)

    monkeypatch.setattr(keras.applications, "InceptionV3", download)
    model = build_backbone("inception_v3", "imagenet")
    images = rng.integers(0, 256, (2, 80, 97, 3)).astype(np.uint8)
    prepared = keras.applications.inception_v3.preprocess_input(images.astype(np.float32))
    np.testing.assert_allclose(np.asarray(model(images)), np.asarray(source(prepared)), rtol=2e-3, atol=1e-4)


@pytest.mark.slow
def test_variants_differ_where_seed_004_says(tmp_path: Path) -> None:
    models = {variant: inception(variant) for variant in ("v3", "v100", "v200")}
    stages = ("mixed2", "mixed3", "mixed7", "mixed8", "mixed10")
    expected = [(35, 35, 288), (17, 17, 768), (17, 17, 768), (8, 8, 1280), (8, 8, 2048)]
    for model in models.values():
        assert sizes(model, *stages) == expected
    convolved = {variant: convolutions(model, "") for variant, model in models.items()}
    left_out = convolutions(models["v3"], "mixed6")
    assert convolved["v200"] == {name: shape for name, shape in convolved["v3"].items() if name not in left_out}
    changed = {name: shape for name, shape in convolved["v100"].items() if name not in convolved["v3"]}
    assert changed == {
        "mixed3_1x3_1": (1, 1, 288, 256),
        "mixed3_1x3_2": (1, 3, 256, 320),
        "mixed3_1x3_3": (3, 1, 320, 384),
    }
    assert set(convolved["v3"]) - set(convolved["v100"]) == {"mixed3_3x3"}


@pytest.mark.slow
def test_weights_of_inception_v3_go_into_the_variants(tmp_path: Path) -> None:
    original = build_backbone("inception_v3")
    original.save(tmp_path / "v3.keras")
    variant = build_backbone("inception_v200", str(tmp_path / "v3.keras"))
    for layer in variant.layers:
        for ours, theirs in zip(layer.get_weights(), original.get_layer(layer.name).get_weights(), strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_copying_in_order_refuses_another_network() -> None:
    small = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])
    large = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3), keras.layers.Dense(3)])
    with pytest.raises(ValueError, match=r"1 layers of .* have weights, 2 of"):
        copy_in_order(small, large)


def test_auxiliary_head() -> None:
    stage = keras.Input((None, None, 768))
    model = keras.Model(stage, auxiliary_head(stage, 1000))
    # torchvision's 27,161,264 with and 23,834,568 without it; ours has no factors in its two batch normalisations.
    trained = sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
    assert trained == 27_161_264 - 23_834_568 - (128 + 768)
    maps = np.random.default_rng(0).normal(size=(2, 17, 17, 768)).astype(np.float32)
    assert model(maps).shape == (2, 1000)
    assert model.get_layer("auxiliary_logits").compute_dtype == "float32"
    assert model.get_layer("auxiliary_5x5_conv").output.shape == (None, None, None, 768)
    probe = keras.Model(
        stage, [model.get_layer("auxiliary_1x1_conv").output, model.get_layer("auxiliary_5x5_conv").output]
    )
    assert [shape[1:3] for shape in probe.compute_output_shape((2, 17, 17, 768))] == [(5, 5), (1, 1)]


def test_every_inception_offers_the_layer_of_the_auxiliary_head() -> None:
    offering = [name for name, spec in BACKBONES.items() if spec.auxiliary_layer]
    assert offering == ["inception_v3", "inception_v100", "inception_v200"]
    assert backbone_spec("inception_v3").auxiliary_layer == AUXILIARY_LAYER
