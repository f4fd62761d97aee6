"""InceptionV3, seed 004's two variants of it, and its auxiliary classifier.

InceptionV3: Szegedy et al. 2016, https://arxiv.org/abs/1512.00567, built as keras.applications builds it, but with a
fixed name for every layer: there the names count up from model to model, and weights could not be matched by name.

InceptionV200 (seed 004, figure 6): InceptionV3 with three blocks in its 17x17 stage instead of four (128, 160, 192).
InceptionV100 (seed 004, figure 7): InceptionV3 whose 35x35 -> 17x17 reduction has the branches 1x1 -> 1x3 -> 3x1,
1x1 -> 3x3 -> 3x3 and pooling. The figure gives no widths: 256 and 320 before the 384 that InceptionV3 has there, and
64 and 96 before the 96, are our reading; the stride of 2 is in each branch's last layer.
"""

from typing import Literal

import keras

# The 17x17 stage: name of each block and the width of its 7x7 branches.
_STAGE_17 = {"mixed4": 128, "mixed5": 160, "mixed6": 160, "mixed7": 192}
_STAGE_17_V200 = {name: width for name, width in _STAGE_17.items() if name != "mixed6"}
# Name of the layer whose output the auxiliary classifier takes: the end of the 17x17 stage.
AUXILIARY_LAYER = "mixed7"
# Below it that stage has fewer than 17x17 cells, and the 5x5 convolution of the classifier has no place.
AUXILIARY_MIN_IMAGE_SIZE = 299
# Share of the auxiliary classifier's loss in the loss of training (the authors' and torchvision's code).
AUXILIARY_WEIGHT = 0.4

Variant = Literal["v3", "v100", "v200"]


def inception(variant: Variant) -> keras.Model:
    """InceptionV3 or a variant of seed 004.

    Returns:
        A flat functional model: [B, H, W, 3] pixels in [-1, 1], H and W at least 75 -> [B, ~H/32, ~W/32, 2048].
    """
    image = keras.Input((None, None, 3))
    x = _stem(image)
    for name, pooled in (("mixed0", 32), ("mixed1", 64), ("mixed2", 64)):
        x = _block_35(x, pooled, name)
    x = _factorised_reduction_17(x, "mixed3") if variant == "v100" else _reduction_17(x, "mixed3")
    for name, width in (_STAGE_17_V200 if variant == "v200" else _STAGE_17).items():
        x = _block_17(x, width, name)
    x = _reduction_8(x, "mixed8")
    for name in ("mixed9", "mixed10"):
        x = _block_8(x, name)
    return keras.Model(image, x)


def auxiliary_head(feature_map: keras.KerasTensor, num_classes: int) -> keras.KerasTensor:
    """The classifier beside the 17x17 stage, a regulariser in training (Szegedy et al. 2016, section 4).

    As in its authors' and torchvision's code: 5x5 mean with stride 3, 1x1 to 128, 5x5 to 768, mean, linear.

    Args:
        feature_map: [B, h, w, 768], the output of the layer `AUXILIARY_LAYER`; h and w at least 17, which images of
            at least 299 pixels give.
        num_classes: C.

    Returns:
        Logits [B, C] float32, from the layer "auxiliary_logits".
    """
    x = keras.layers.AveragePooling2D(5, 3, name="auxiliary_pool")(feature_map)
    x = _convolution(x, 128, 1, "auxiliary_1x1")
    x = _convolution(x, 768, 5, "auxiliary_5x5", padding="valid")
    x = keras.layers.GlobalAveragePooling2D(name="auxiliary_mean")(x)
    return keras.layers.Dense(num_classes, dtype="float32", name="auxiliary_logits")(x)


def copy_in_order(source: keras.Model, target: keras.Model) -> None:
    """Copies weights between two builds of one network whose layers are named differently.

    Raises:
        ValueError: the networks differ.
    """
    sources = [layer for layer in source.layers if layer.weights]
    targets = [layer for layer in target.layers if layer.weights]
    if len(sources) != len(targets):
        raise ValueError(f"{len(sources)} layers of {source.name!r} have weights, {len(targets)} of {target.name!r}")
    for theirs, ours in zip(sources, targets, strict=True):
        ours.set_weights(theirs.get_weights())


def _stem(x: keras.KerasTensor) -> keras.KerasTensor:
    """299x299 -> 35x35."""
    x = _convolution(x, 32, 3, "stem_1a", stride=2, padding="valid")
    x = _convolution(x, 32, 3, "stem_2a", padding="valid")
    x = _convolution(x, 64, 3, "stem_2b")
    x = keras.layers.MaxPooling2D(3, 2, name="stem_pool1")(x)
    x = _convolution(x, 80, 1, "stem_3b", padding="valid")
    x = _convolution(x, 192, 3, "stem_4a", padding="valid")
    return keras.layers.MaxPooling2D(3, 2, name="stem_pool2")(x)


def _block_35(x: keras.KerasTensor, pooled: int, name: str) -> keras.KerasTensor:
    """Figure 5 of Szegedy et al. 2016, with the 5x5 as one convolution."""
    one = _convolution(x, 64, 1, f"{name}_1x1")
    five = _convolution(x, 48, 1, f"{name}_5x5_1")
    five = _convolution(five, 64, 5, f"{name}_5x5_2")
    double = _convolution(x, 64, 1, f"{name}_3x3_1")
    double = _convolution(double, 96, 3, f"{name}_3x3_2")
    double = _convolution(double, 96, 3, f"{name}_3x3_3")
    return _concatenated([one, five, double, _pooled(x, pooled, name)], name)


def _reduction_17(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    three = _convolution(x, 384, 3, f"{name}_3x3", stride=2, padding="valid")
    return _concatenated([three, _double_3x3(x, name), _largest(x, name)], name)


def _factorised_reduction_17(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    """InceptionV100's: without padding 1x3 and 3x1 make the 17x17 map of the other branches."""
    three = _convolution(x, 256, 1, f"{name}_1x3_1")
    three = _convolution(three, 320, (1, 3), f"{name}_1x3_2", padding="valid")
    three = _convolution(three, 384, (3, 1), f"{name}_1x3_3", stride=2, padding="valid")
    return _concatenated([three, _double_3x3(x, name), _largest(x, name)], name)


def _double_3x3(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    x = _convolution(x, 64, 1, f"{name}_3x3dbl_1")
    x = _convolution(x, 96, 3, f"{name}_3x3dbl_2")
    return _convolution(x, 96, 3, f"{name}_3x3dbl_3", stride=2, padding="valid")


def _block_17(x: keras.KerasTensor, width: int, name: str) -> keras.KerasTensor:
    """Figure 6 of Szegedy et al. 2016, n = 7."""
    one = _convolution(x, 192, 1, f"{name}_1x1")
    seven = _convolution(x, width, 1, f"{name}_7x7_1")
    seven = _convolution(seven, width, (1, 7), f"{name}_7x7_2")
    seven = _convolution(seven, 192, (7, 1), f"{name}_7x7_3")
    double = _convolution(x, width, 1, f"{name}_7x7dbl_1")
    double = _convolution(double, width, (7, 1), f"{name}_7x7dbl_2")
    double = _convolution(double, width, (1, 7), f"{name}_7x7dbl_3")
    double = _convolution(double, width, (7, 1), f"{name}_7x7dbl_4")
    double = _convolution(double, 192, (1, 7), f"{name}_7x7dbl_5")
    return _concatenated([one, seven, double, _pooled(x, 192, name)], name)


def _reduction_8(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    three = _convolution(x, 192, 1, f"{name}_3x3_1")
    three = _convolution(three, 320, 3, f"{name}_3x3_2", stride=2, padding="valid")
    seven = _convolution(x, 192, 1, f"{name}_7x7_1")
    seven = _convolution(seven, 192, (1, 7), f"{name}_7x7_2")
    seven = _convolution(seven, 192, (7, 1), f"{name}_7x7_3")
    seven = _convolution(seven, 192, 3, f"{name}_7x7_4", stride=2, padding="valid")
    return _concatenated([three, seven, _largest(x, name)], name)


def _block_8(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    """Figure 7 of Szegedy et al. 2016."""
    one = _convolution(x, 320, 1, f"{name}_1x1")
    three = _convolution(x, 384, 1, f"{name}_3x3_1")
    three = _spread(three, f"{name}_3x3")
    double = _convolution(x, 448, 1, f"{name}_3x3dbl_1")
    double = _convolution(double, 384, 3, f"{name}_3x3dbl_2")
    double = _spread(double, f"{name}_3x3dbl")
    return _concatenated([one, three, double, _pooled(x, 192, name)], name)


def _spread(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    wide = _convolution(x, 384, (1, 3), f"{name}_1x3")
    return _concatenated([wide, _convolution(x, 384, (3, 1), f"{name}_3x1")], name)


def _pooled(x: keras.KerasTensor, filters: int, name: str) -> keras.KerasTensor:
    x = keras.layers.AveragePooling2D(3, 1, padding="same", name=f"{name}_mean")(x)
    return _convolution(x, filters, 1, f"{name}_pool")


def _largest(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    return keras.layers.MaxPooling2D(3, 2, name=f"{name}_largest")(x)


def _concatenated(branches: list[keras.KerasTensor], name: str) -> keras.KerasTensor:
    return keras.layers.Concatenate(name=name)(branches)


def _convolution(
    x: keras.KerasTensor,
    filters: int,
    size: int | tuple[int, int],
    name: str,
    stride: int = 1,
    padding: str = "same",
) -> keras.KerasTensor:
    x = keras.layers.Conv2D(filters, size, stride, padding, use_bias=False, name=f"{name}_conv")(x)
    # No factor: a ReLU and a convolution follow, which take it on.
    x = keras.layers.BatchNormalization(scale=False, name=f"{name}_bn")(x)
    return keras.layers.Activation("relu", name=f"{name}_relu")(x)
