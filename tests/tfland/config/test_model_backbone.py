"""The backbone's settings of the `model` section."""

import pytest

from tfland.config import ModelConfig
from tfland.config.model import BACKBONE_NAMES


@pytest.mark.parametrize(
    "name", [*BACKBONE_NAMES, "hub:resnet_50_imagenet", "hub:/a/folder", "hf://timm/resnet50.a1_in1k"]
)
def test_takes_every_backbone_and_presets(name: str) -> None:
    assert ModelConfig(backbone=name).backbone == name


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"backbone": "efficientnet-b3"},
            r"model\.backbone is 'efficientnet-b3'; did you mean 'efficientnet_b3'\? choose",
        ),
        ({"backbone": "zzz"}, r"model\.backbone is 'zzz'; choose one of resnet18, .*, inception_v200, or hub:PRESET"),
        ({"backbone": "hub:"}, r"model\.backbone is 'hub:'; give the preset's name behind it"),
        ({"weights": ""}, r"model\.weights is ''; give"),
        (
            {"backbone": "resnet18", "auxiliary_head": True},
            r"auxiliary_head is True; resnet18 has none; give an inception_",
        ),
        (
            {"backbone": "inception_v3", "auxiliary_head": True, "head": "cosine"},
            r"auxiliary_head is True; its classifier is linear; set model\.head=linear",
        ),
    ],
)
def test_refuses(settings: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ModelConfig(**settings)
