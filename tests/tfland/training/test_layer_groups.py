"""Where the backbone ends."""

import keras
import pytest

from delf_verify.model import build_delf, descriptor_stage
from tfland.config import ModelConfig
from tfland.models.backbones import build_trunk
from tfland.models.build import build_model
from tfland.training.layer_groups import backbone_layers, frozen

pytestmark = pytest.mark.usefixtures("tiny_resnet")


def test_the_backbone_of_a_classifier_ends_before_its_pooling() -> None:
    network = build_model(ModelConfig(backbone="resnet18", embedding_size=8), 3, 32)
    names = [layer.name for layer in backbone_layers(network)]
    assert names[-1] == "out4"
    assert "conv0" in names
    assert not {"pooling", "embedding", "logits"} & set(names)


def test_the_backbone_of_delf_is_its_trunk() -> None:
    network = descriptor_stage(build_delf(build_trunk("resnet18"), 3))
    assert [layer.name for layer in backbone_layers(network)][-1] == "out3"


def test_another_network_is_refused() -> None:
    image = keras.Input((4,))
    with pytest.raises(ValueError, match=r"none of the layers pooling, descriptors, .* leave optimizer.backbone_rate"):
        backbone_layers(keras.Model(image, keras.layers.Dense(2)(image)))


def test_layers_are_put_back_as_they_were() -> None:
    network = build_model(ModelConfig(backbone="resnet18"), 3, 32)
    layers = backbone_layers(network)
    layers[2].trainable = False
    before = [layer.trainable for layer in layers]
    with frozen(layers):
        assert not any(layer.trainable for layer in layers)
    assert [layer.trainable for layer in layers] == before
