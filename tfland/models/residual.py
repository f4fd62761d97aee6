"""SE-ResNeXt and Res2Net, the residual networks that Keras lacks, as timm defines them.

SE-ResNeXt101 32x4d: Hu et al. 2018, https://arxiv.org/abs/1709.01507, on Xie et al. 2017,
https://arxiv.org/abs/1611.05431. Res2Net101 26w4s: Gao et al. 2019, https://arxiv.org/abs/1904.01169. Both stand in the
2020 winner's ensemble (seed 001, table 1), which took them from timm; structure, padding, initialisation and batch
normalisation follow timm's `resnet.py` and `res2net.py`, so that its weights fit.

A layer is called as timm's module, with "_" for ".": `layer1.0.se.fc1` is "layer1_0_se_fc1".
"""

from collections.abc import Callable

import keras
from keras import ops

Depths = tuple[int, int, int, int]
# One residual branch: (input, filters, stride, whether it is the first of its stage, name) -> [B, h, w, 4 * filters].
Branch = Callable[[keras.KerasTensor, int, int, bool, str], keras.KerasTensor]

DEPTHS_101: Depths = (3, 4, 23, 3)
_FILTERS = (64, 128, 256, 512)
_EXPANSION = 4
# SE-ResNeXt 32x4d: 32 groups of 4 channels where the stage has 64 filters; SE shrinks by 16.
_CARDINALITY, _GROUP_WIDTH, _SE_REDUCTION = 32, 4, 16
# Res2Net 26w4s: 4 groups of 26 channels where the stage has 64 filters.
_SCALE, _SCALE_WIDTH = 4, 26


def residual_network(branch: Branch, depths: Depths) -> keras.Model:
    """A bottleneck network of four stages.

    Args:
        branch: the residual branch that makes the network, `se_resnext_branch` or `res2net_branch`.
        depths: blocks of each stage.

    Returns:
        A flat functional model: [B, H, W, 3] normalised pixels -> [B, ~H/32, ~W/32, 2048].
    """
    image = keras.Input((None, None, 3))
    x = _padded_convolution(image, 64, 7, 2, "conv1")
    x = _normalised(x, "bn1")
    x = keras.layers.Activation("relu", name="act1")(x)
    # Zeros do as well as PyTorch's -inf: the maps are at least 0 here.
    x = keras.layers.ZeroPadding2D(1, name="maxpool_pad")(x)
    x = keras.layers.MaxPooling2D(3, 2, name="maxpool")(x)
    for stage, (filters, depth) in enumerate(zip(_FILTERS, depths, strict=True)):
        for block in range(depth):
            stride = 2 if stage > 0 and block == 0 else 1
            x = _residual_block(x, branch, filters, stride, block == 0, f"layer{stage + 1}_{block}")
    return keras.Model(image, x)


def se_resnext_branch(x: keras.KerasTensor, filters: int, stride: int, _first: bool, name: str) -> keras.KerasTensor:
    """1x1, grouped 3x3, 1x1, then squeeze-and-excitation (Hu et al. 2018, figure 3)."""
    width = filters * _GROUP_WIDTH // 64 * _CARDINALITY
    x = _activated(_convolution(x, width, f"{name}_conv1"), f"{name}_bn1", f"{name}_act1")
    x = _padded_convolution(x, width, 3, stride, f"{name}_conv2", groups=_CARDINALITY)
    x = _activated(x, f"{name}_bn2", f"{name}_act2")
    x = _normalised(_convolution(x, filters * _EXPANSION, f"{name}_conv3"), f"{name}_bn3", gamma="zeros")
    return _squeeze_excitation(x, filters * _EXPANSION, f"{name}_se")


def res2net_branch(x: keras.KerasTensor, filters: int, stride: int, first: bool, name: str) -> keras.KerasTensor:
    """1x1, then 3x3 convolutions that each also see the one before (Gao et al. 2019, section 3.1), then 1x1.

    In the first block of a stage the groups do not see each other, and the last one is pooled (the authors' code).
    """
    width = filters * _SCALE_WIDTH // 64
    x = _activated(_convolution(x, width * _SCALE, f"{name}_conv1"), f"{name}_bn1", f"{name}_act1")
    groups = ops.split(x, _SCALE, axis=-1)
    seen: list[keras.KerasTensor] = []
    for index, group in enumerate(groups[:-1]):
        if seen and not first:
            group = keras.layers.Add(name=f"{name}_sums_{index}")([seen[-1], group])
        y = _padded_convolution(group, width, 3, stride, f"{name}_convs_{index}")
        seen.append(_activated(y, f"{name}_bns_{index}", f"{name}_acts_{index}"))
    last = groups[-1]
    if first:
        # Explicit zeros, counted into the mean as PyTorch does; "same" would leave them out.
        last = keras.layers.ZeroPadding2D(1, name=f"{name}_pool_pad")(last)
        last = keras.layers.AveragePooling2D(3, stride, name=f"{name}_pool")(last)
    x = keras.layers.Concatenate(name=f"{name}_scales")([*seen, last])
    return _normalised(_convolution(x, filters * _EXPANSION, f"{name}_conv3"), f"{name}_bn3", gamma="zeros")


def _residual_block(
    x: keras.KerasTensor, branch: Branch, filters: int, stride: int, first: bool, name: str
) -> keras.KerasTensor:
    shortcut = x
    if first:
        shortcut = keras.layers.Conv2D(
            filters * _EXPANSION,
            1,
            stride,
            use_bias=False,
            kernel_initializer=_kernel_initializer(),
            name=f"{name}_downsample_0",
        )(x)
        shortcut = _normalised(shortcut, f"{name}_downsample_1")
    x = branch(x, filters, stride, first, name)
    x = keras.layers.Add(name=f"{name}_add")([x, shortcut])
    return keras.layers.Activation("relu", name=f"{name}_act3")(x)


def _squeeze_excitation(x: keras.KerasTensor, channels: int, name: str) -> keras.KerasTensor:
    gate = keras.layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_mean")(x)
    gate = _convolution(gate, channels // _SE_REDUCTION, f"{name}_fc1", bias=True)
    gate = keras.layers.Activation("relu", name=f"{name}_act")(gate)
    gate = _convolution(gate, channels, f"{name}_fc2", bias=True)
    gate = keras.layers.Activation("sigmoid", name=f"{name}_gate")(gate)
    return keras.layers.Multiply(name=f"{name}_scale")([x, gate])


def _convolution(x: keras.KerasTensor, filters: int, name: str, bias: bool = False) -> keras.KerasTensor:
    return keras.layers.Conv2D(filters, 1, use_bias=bias, kernel_initializer=_kernel_initializer(), name=name)(x)


def _padded_convolution(
    x: keras.KerasTensor, filters: int, size: int, stride: int, name: str, groups: int = 1
) -> keras.KerasTensor:
    # Zeros on all sides, as in PyTorch: "same" with a stride pads by the image's size.
    x = keras.layers.ZeroPadding2D(size // 2, name=f"{name}_pad")(x)
    return keras.layers.Conv2D(
        filters, size, stride, groups=groups, use_bias=False, kernel_initializer=_kernel_initializer(), name=name
    )(x)


def _kernel_initializer() -> keras.initializers.Initializer:
    """He et al. 2015 by the fan out, as timm starts them."""
    return keras.initializers.VarianceScaling(2.0, mode="fan_out", distribution="untruncated_normal")


def _normalised(x: keras.KerasTensor, name: str, gamma: str = "ones") -> keras.KerasTensor:
    """Batch normalisation with PyTorch's constants; a block's last one starts at 0: the block is the identity."""
    return keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5, gamma_initializer=gamma, name=name)(x)


def _activated(x: keras.KerasTensor, norm_name: str, name: str) -> keras.KerasTensor:
    return keras.layers.Activation("relu", name=name)(_normalised(x, norm_name))
