"""keras-hub's presets, from folders that its `save_to_preset` wrote: no test goes to the network."""

import json
import os
import subprocess
import sys
from pathlib import Path

import huggingface_hub
import keras
import keras_hub
import numpy as np
import pytest
from requests.exceptions import ConnectionError as NoConnection

from tfland.config import ModelConfig
from tfland.models import build_model, synchronize_batch_norm
from tfland.models.backbone_specs import BACKBONES
from tfland.models.backbones import build_backbone
from tfland.models.build import load_model
from tfland.models.presets import fetch_timm_file, load_preset

ROOT = Path(__file__).parents[3]
SCALE, OFFSET = [1 / 58.395, 1 / 57.12, 1 / 57.375], [-2.1179, -2.0357, -1.8044]


def small_efficientnet() -> keras.Model:
    """Its blocks are layers of layers, with batch normalisation inside."""
    return keras_hub.models.EfficientNetBackbone(
        stackwise_width_coefficients=[1.0] * 2,
        stackwise_depth_coefficients=[1.0] * 2,
        stackwise_kernel_sizes=[3, 3],
        stackwise_num_repeats=[1, 1],
        stackwise_input_filters=[8, 8],
        stackwise_output_filters=[8, 8],
        stackwise_expansion_ratios=[1, 2],
        stackwise_squeeze_and_excite_ratios=[0.25, 0.25],
        stackwise_strides=[2, 2],
        stackwise_block_types=["unfused", "fused"],
        stem_kernel_size=3,
        image_shape=(None, None, 3),
    )


def small_resnet() -> keras.Model:
    return keras_hub.models.ResNetBackbone(
        input_conv_filters=[64],
        input_conv_kernel_sizes=[7],
        stackwise_num_filters=[64],
        stackwise_num_blocks=[1],
        stackwise_num_strides=[1],
        block_type="basic_block",
        image_shape=(None, None, 3),
    )


def save(model: keras.Model, folder: Path, **pixels: object) -> str:
    model.save_to_preset(folder)
    classes = {cls.backbone_cls: cls for cls in keras_hub.layers.ImageConverter.__subclasses__()}
    classes[type(model)](**{"scale": SCALE, "offset": OFFSET, **pixels}).save_to_preset(folder)
    return f"hub:{folder}"


def images(size: int = 64) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (2, size, size, 3)).astype(np.uint8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("presets")


@pytest.fixture(scope="module")
def source() -> keras.Model:
    return small_efficientnet()


@pytest.fixture(scope="module")
def preset(folder: Path, source: keras.Model) -> str:
    return save(source, folder / "efficientnet")


def test_a_preset_with_its_weights_sees_its_own_pixels(preset: str, source: keras.Model) -> None:
    model = build_backbone(preset, "preset")
    normalised = images() * np.asarray(SCALE) + OFFSET
    np.testing.assert_allclose(np.asarray(model(images())), np.asarray(source(normalised)), rtol=1e-4, atol=1e-5)
    assert [layer.name for layer in model.layers[:2]] == ["image", "preprocessing"]
    assert model.name == "efficientnet"


def test_without_weights_they_are_random(preset: str, source: keras.Model) -> None:
    kernels = [build_backbone(preset).get_layer("stem_conv").get_weights()[0] for _ in range(2)]
    assert np.abs(kernels[0] - kernels[1]).max() > 0
    assert np.abs(kernels[0] - source.get_layer("stem_conv").get_weights()[0]).max() > 0


def test_one_scale_for_all_channels(folder: Path) -> None:
    name = save(small_resnet(), folder / "one_scale", scale=1 / 255, offset=None)
    preprocessing = build_backbone(name).get_layer("preprocessing")
    assert np.asarray(preprocessing(np.full((1, 1, 1, 3), 255.0))).ravel() == pytest.approx([1, 1, 1])


def test_a_classifier_on_a_preset_is_saved_loaded_and_started_from(preset: str, tmp_path: Path) -> None:
    model = build_model(ModelConfig(backbone=preset, weights="preset", pooling="average"), 3, 64)
    model.save(tmp_path / "model.keras")
    np.testing.assert_array_equal(
        np.asarray(load_model(tmp_path / "model.keras")(images())["logits"]), np.asarray(model(images())["logits"])
    )
    other = build_model(ModelConfig(backbone=preset, weights=str(tmp_path), pooling="average"), 5, 96)
    ours, theirs = (each.get_layer("stem_conv").get_weights()[0] for each in (other, model))
    np.testing.assert_array_equal(ours, theirs)


def test_a_saved_classifier_loads_where_keras_hub_was_not_imported(preset: str, tmp_path: Path) -> None:
    build_model(ModelConfig(backbone=preset, pooling="average"), 3, 64).save(tmp_path / "model.keras")
    program = "import sys; from pathlib import Path; from tfland.models.build import load_model\n"
    program += "load_model(Path(sys.argv[1]))"
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, "-c", program, str(tmp_path / "model.keras")]
    settings = {"env": environment, "cwd": ROOT, "capture_output": True, "text": True, "timeout": 120}
    result = subprocess.run(command, check=False, **settings)
    assert result.returncode == 0, result.stderr[-2000:]


def test_batch_normalisation_inside_blocks_is_synchronised(preset: str) -> None:
    model = synchronize_batch_norm(build_backbone(preset, "preset"))
    norms = [layer for layer in model._flatten_layers() if isinstance(layer, keras.layers.BatchNormalization)]
    direct = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert len(norms) > len(direct) > 0
    assert all(layer.synchronized for layer in norms)


def test_weights_of_a_preset_go_into_a_backbone_of_the_table(folder: Path) -> None:
    source = BACKBONES["resnet18"].construct(None)
    name = save(source, folder / "resnet18")
    model = build_backbone("resnet18", name)
    normalised = images() * np.asarray(SCALE) + OFFSET
    np.testing.assert_allclose(np.asarray(model(images())), np.asarray(source(normalised)), rtol=1e-3, atol=1e-4)


def test_refuses_weights_of_another_preset(folder: Path, preset: str) -> None:
    with pytest.raises(ValueError, match=r"preset 'hub:.*': only \d+ of 40 layers fit 'resnet18'; give it as model\."):
        build_backbone("resnet18", preset)
    other = save(small_resnet(), folder / "other_pixels", scale=1 / 255)
    with pytest.raises(ValueError, match=r"normalises pixels differently from 'resnet18'; give it as model\.backbone"):
        build_backbone("resnet18", other)


def test_refuses_other_weights_for_a_preset(preset: str) -> None:
    with pytest.raises(ValueError, match='takes the weights "none", "preset" or a file of ours, not \'imagenet\''):
        build_backbone(preset, "imagenet")


def test_refuses_a_preset_that_says_nothing_of_pixels(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="does not say how it normalises pixels"):
        load_preset(save(small_resnet(), tmp_path, scale=None, offset=None), with_weights=False)
    (tmp_path / "image_converter.json").unlink()
    with pytest.raises(OSError, match=r"could not be fetched .*image_converter\.json.*; without a network give"):
        load_preset(f"hub:{tmp_path}", with_weights=False)


def test_refuses_what_is_no_vision_backbone(tmp_path: Path) -> None:
    text = keras_hub.models.BertBackbone(
        vocabulary_size=8, num_layers=1, num_heads=1, hidden_dim=4, intermediate_dim=4, max_sequence_length=4
    )
    text.save_to_preset(tmp_path)
    with pytest.raises(ValueError, match=r"cannot be used \(BertBackbone .* not an image and a feature map\)"):
        load_preset(f"hub:{tmp_path}", with_weights=False)


def test_refuses_an_unknown_preset_before_the_network() -> None:
    with pytest.raises(ValueError, match="no preset or folder 'resnet_50_imagnet'; did you mean 'resnet_50_imagenet'"):
        load_preset("hub:resnet_50_imagnet", with_weights=False)


def test_refuses_a_folder_that_is_no_preset(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"a": 1}))
    with pytest.raises(ValueError, match=r"preset 'hub:.*' cannot be used \(Unrecognized format"):
        load_preset(f"hub:{tmp_path}", with_weights=False)


def test_says_that_there_is_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise NoConnection("no route to host")

    monkeypatch.setattr(keras_hub.models.Backbone, "from_preset", refuse)
    message = r"preset 'hub:resnet_50_imagenet' could not be fetched \(no route to host\); without a network give"
    with pytest.raises(OSError, match=message):
        build_backbone("hub:resnet_50_imagenet", "preset")
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", refuse)
    with pytest.raises(OSError, match=r"weights 'hf://timm/resnet18\.a1_in1k' could not be fetched \(no route to host"):
        build_backbone("resnet18", "hf://timm/resnet18.a1_in1k")


def test_timm_files_come_from_hugging_face(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked = []
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", lambda *names: asked.append(names) or str(tmp_path / "m"))
    assert fetch_timm_file("hf://timm/resnet18.a1_in1k") == tmp_path / "m"
    assert asked == [("timm/resnet18.a1_in1k", "model.safetensors")]


def test_a_preset_under_a_mixed_policy(preset: str) -> None:
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = build_backbone(preset, "preset")
    finally:
        keras.config.set_dtype_policy("float32")
    assert model.get_layer("preprocessing").compute_dtype == "float32"
    assert model.get_layer("stem_conv").compute_dtype == "bfloat16"
