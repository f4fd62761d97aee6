"""The whole table: every backbone is built once, and its figures are pinned."""

import keras
import pytest

from tfland.config.model import BACKBONE_NAMES
from tfland.models.backbone_specs import BACKBONES, backbone_spec
from tfland.models.backbones import build_backbone, min_image_size

# With a 1000-class head. Keras's pages, all weights (EfficientNet's there hold the 7 of its normalisation as well):
# https://keras.io/api/applications. torchvision's and timm's, without the statistics of batch normalisation:
# ResNet18, SE-ResNeXt101 (48.96 M), Res2Net101 (45.21 M). VGG16's and the variants of seed 004 are without a head:
# VGG16's 138,357,544 lie in dense layers that we do not have; seed 004 gives no counts.
KERAS_COUNTS = {
    "resnet50": 25_636_712,
    "resnet101": 44_707_176,
    "resnet152": 60_419_944,
    "efficientnet_b0": 5_330_571 - 7,
    "efficientnet_b1": 7_856_239 - 7,
    "efficientnet_b2": 9_177_569 - 7,
    "efficientnet_b3": 12_320_535 - 7,
    "efficientnet_b4": 19_466_823 - 7,
    "efficientnet_b5": 30_562_527 - 7,
    "efficientnet_b6": 43_265_143 - 7,
    "efficientnet_b7": 66_658_687 - 7,
    "inception_v3": 23_851_784,
}
TRAINED_COUNTS = {"resnet18": 11_689_512, "seresnext101_32x4d": 48_955_416, "res2net101_26w4s": 45_206_688}
BARE_COUNTS = {
    "vgg16": 138_357_544 - (25088 * 4096 + 4096) - (4096 * 4096 + 4096) - (4096 * 1000 + 1000),
    "inception_v100": 21_497_312,
    "inception_v200": 20_110_048,
}
CHANNELS = {
    "resnet18": 512,
    "vgg16": 512,
    "efficientnet_b0": 1280,
    "efficientnet_b1": 1280,
    "efficientnet_b2": 1408,
    "efficientnet_b3": 1536,
    "efficientnet_b4": 1792,
    "efficientnet_b5": 2048,
    "efficientnet_b6": 2304,
    "efficientnet_b7": 2560,
}


def parameters(model: keras.Model, name: str) -> tuple[int, int]:
    """The count of a backbone and the published one."""
    head = (model.output.shape[-1] + 1) * 1000
    if name in TRAINED_COUNTS:
        return sum(weight.size for weight in map(keras.ops.convert_to_numpy, model.trainable_weights)) + head, (
            TRAINED_COUNTS[name]
        )
    if name in KERAS_COUNTS:
        return model.count_params() + head, KERAS_COUNTS[name]
    return model.count_params(), BARE_COUNTS[name]


@pytest.mark.slow
@pytest.mark.parametrize("name", BACKBONES)
def test_every_backbone(name: str) -> None:
    spec, model = backbone_spec(name), build_backbone(name)
    count, published = parameters(model, name)
    assert count == published
    assert spec.channels == CHANNELS.get(name, 2048)
    assert model.output.shape == (None, None, None, spec.channels)
    size = 299 if name.startswith("inception") else 224
    cells = 8 if size == 299 else 7
    assert model.compute_output_shape((2, size, size, 3)) == (2, cells, cells, spec.channels)
    smallest = model.compute_output_shape((2, min_image_size(name), min_image_size(name), 3))
    assert smallest == (2, 1, 1, spec.channels)
    assert not [layer.name for layer in model.layers if isinstance(layer, keras.Model)]
    assert {type(layer).__module__.split(".")[0] for layer in model.operations} == {"keras"}
    assert [layer.name for layer in model.layers[:2]] == ["image", "preprocessing"]
    assert spec.first_layer in (None, model.layers[2].name)
    for layer in (spec.conv4_layer, spec.auxiliary_layer):
        assert layer is None or model.get_layer(layer)


def test_the_configuration_knows_the_same_names() -> None:
    assert tuple(BACKBONES) == BACKBONE_NAMES


def test_a_preset_is_not_in_the_table() -> None:
    with pytest.raises(ValueError, match="'hub:resnet_18_imagenet' is a preset of keras-hub; choose one of resnet18, "):
        backbone_spec("hub:resnet_18_imagenet")
