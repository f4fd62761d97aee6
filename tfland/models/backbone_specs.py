"""The table of backbones: constructor, preprocessing, channels, the smallest image, where weights are to be had.

ResNet: He et al. 2016, https://arxiv.org/abs/1512.03385. EfficientNet: Tan and Le 2019,
https://arxiv.org/abs/1905.11946. VGG16: Simonyan and Zisserman 2015, https://arxiv.org/abs/1409.1556. The rest:
`tfland.models.residual` and `tfland.models.inception`.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass

import keras

from tfland.config.model import check_backbone
from tfland.models.inception import AUXILIARY_LAYER, Variant, copy_in_order, inception
from tfland.models.residual import DEPTHS_101, Branch, res2net_branch, residual_network, se_resnext_branch
from tfland.models.timm_weights import port_module, resnet18_module

Triple = tuple[float, float, float]

# Mean and standard deviation of ImageNet's pixels, RGB, 0..255 (as torchvision and timm use them).
_IMAGENET_MEAN: Triple = (0.485 * 255, 0.456 * 255, 0.406 * 255)
_IMAGENET_DEVIATION: Triple = (0.229 * 255, 0.224 * 255, 0.225 * 255)
# The means that the weights of keras.applications' ResNets and VGG16 were trained with (Caffe's; its deviation is 1).
_CAFFE_MEAN: Triple = (103.939, 116.779, 123.68)[::-1]
_EFFICIENTNET_CHANNELS = (1280, 1280, 1408, 1536, 1792, 2048, 2304, 2560)


@dataclass(frozen=True, kw_only=True)
class BackboneSpec:
    """What distinguishes one backbone.

    Attributes:
        construct: makes the Keras model without a classification head; its argument is None (random weights) or
            "imagenet".
        channels: depth of the feature map that it ends with.
        first_layer: name of the first layer after the constructor's own preprocessing, which ours replaces; None:
            the constructor has none.
        conv4_layer: name of the layer whose output is the conv4 map (stride 16), DELF's input; None: not offered.
        auxiliary_layer: name of the layer whose output `inception.auxiliary_head` takes; None: not offered.
        min_image_size: smallest height and width in pixels from which a feature map is left.
        mean: subtracted from the pixels, RGB, 0..255.
        deviation: the centred pixels are divided by it, RGB, 0..255.
        imagenet_kernel: name of a first convolution whose ImageNet weights expect BGR, "" where they expect RGB;
            None: there are no ImageNet weights.
        timm_module: from the name of a layer to that of the timm module whose weights fit it; None: timm's network
            is another one (its ResNet50 strides in another layer), or keras.applications has the weights.
    """

    construct: Callable[[str | None], keras.Model]
    channels: int
    first_layer: str | None = None
    conv4_layer: str | None = None
    auxiliary_layer: str | None = None
    min_image_size: int = 32
    mean: Triple = _IMAGENET_MEAN
    deviation: Triple = _IMAGENET_DEVIATION
    imagenet_kernel: str | None = None
    timm_module: Callable[[str], str] | None = None


def _resnet18(_weights: str | None) -> keras.Model:
    # Imported here: keras_hub is slow to import. Its plain constructors need no network, unlike its presets.
    from keras_hub.models import ResNetBackbone

    return ResNetBackbone(
        input_conv_filters=[64],
        input_conv_kernel_sizes=[7],
        stackwise_num_filters=[64, 128, 256, 512],
        stackwise_num_blocks=[2, 2, 2, 2],
        stackwise_num_strides=[1, 2, 2, 2],
        block_type="basic_block",
        image_shape=(None, None, 3),
    )


def _application(name: str, weights: str | None) -> keras.Model:
    return getattr(keras.applications, name)(include_top=False, weights=weights, input_shape=(None, None, 3))


def _residual101(branch: Branch, _weights: str | None) -> keras.Model:
    return residual_network(branch, DEPTHS_101)


def _inception(variant: Variant, weights: str | None) -> keras.Model:
    model = inception(variant)
    if weights:
        copy_in_order(_application("InceptionV3", weights), model)
    return model


def _application_resnet(depth: int, conv4_layer: str) -> BackboneSpec:
    return BackboneSpec(
        construct=functools.partial(_application, f"ResNet{depth}"),
        channels=2048,
        first_layer="conv1_pad",
        conv4_layer=conv4_layer,
        mean=_CAFFE_MEAN,
        deviation=(1.0, 1.0, 1.0),
        imagenet_kernel="conv1_conv",
    )


def _efficientnet(number: int, channels: int) -> BackboneSpec:
    return BackboneSpec(
        construct=functools.partial(_application, f"EfficientNetB{number}"),
        channels=channels,
        first_layer="stem_conv_pad",
        imagenet_kernel="",
    )


def _inception_spec(variant: Variant) -> BackboneSpec:
    return BackboneSpec(
        construct=functools.partial(_inception, variant),
        channels=2048,
        auxiliary_layer=AUXILIARY_LAYER,
        min_image_size=75,
        mean=(127.5, 127.5, 127.5),
        deviation=(127.5, 127.5, 127.5),
        imagenet_kernel="" if variant == "v3" else None,
    )


def _port101(branch: Branch) -> BackboneSpec:
    return BackboneSpec(construct=functools.partial(_residual101, branch), channels=2048, timm_module=port_module)


BACKBONES: dict[str, BackboneSpec] = {
    "resnet18": BackboneSpec(
        construct=_resnet18,
        channels=512,
        first_layer="conv1_pad",
        conv4_layer="stack2_block1_out",
        timm_module=resnet18_module,
    ),
    "resnet50": _application_resnet(50, "conv4_block6_out"),
    "resnet101": _application_resnet(101, "conv4_block23_out"),
    "resnet152": _application_resnet(152, "conv4_block36_out"),
    "seresnext101_32x4d": _port101(se_resnext_branch),
    "res2net101_26w4s": _port101(res2net_branch),
    **{f"efficientnet_b{n}": _efficientnet(n, channels) for n, channels in enumerate(_EFFICIENTNET_CHANNELS)},
    "vgg16": BackboneSpec(
        construct=functools.partial(_application, "VGG16"),
        channels=512,
        first_layer="block1_conv1",
        mean=_CAFFE_MEAN,
        deviation=(1.0, 1.0, 1.0),
        imagenet_kernel="block1_conv1",
    ),
    "inception_v3": _inception_spec("v3"),
    "inception_v100": _inception_spec("v100"),
    "inception_v200": _inception_spec("v200"),
}


def backbone_spec(name: str) -> BackboneSpec:
    """The table entry of a backbone.

    Raises:
        ValueError: there is no backbone of that name in the table; the message offers the nearest one.
    """
    if name not in BACKBONES:
        check_backbone(name)
        raise ValueError(f"backbone {name!r} is a preset of keras-hub; choose one of {', '.join(BACKBONES)}")
    return BACKBONES[name]
