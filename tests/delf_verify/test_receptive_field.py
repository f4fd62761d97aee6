"""Receptive fields: the published one, and every one against what the layers really see."""

import keras
import numpy as np
import pytest

from delf_verify.receptive_field import ReceptiveField, receptive_field
from tfland.models import build_trunk

L = keras.layers


def averaging(model: keras.Model) -> None:
    """All weights positive: any pixel that a cell can see then reaches it, and zeros stay zeros."""
    for layer in model.layers:
        if isinstance(layer, (L.Conv2D, L.DepthwiseConv2D)):
            kernel, *biases = layer.get_weights()
            kernel = np.full_like(kernel, 1 / kernel.shape[2])
            layer.set_weights([kernel, *[np.zeros_like(bias) for bias in biases]])


def cells_that_see(model: keras.Model, size: int, pixel: int) -> list[int]:
    """Rows of the feature map that change when one pixel on the diagonal does."""
    image = np.zeros((1, size, size, model.input.shape[-1]), np.float32)
    image[0, pixel, pixel] = 1
    seen = np.asarray(model(image))[0].max(axis=-1) > 0
    assert (seen.any(axis=0) == seen.any(axis=1)).all()
    return np.flatnonzero(seen.any(axis=1)).tolist()


def cells_of(field: ReceptiveField, cells: int, pixel: int) -> list[int]:
    starts = np.arange(cells) * field.stride - field.padding
    return np.flatnonzero((starts <= pixel) & (pixel < starts + field.size)).tolist()


@pytest.mark.parametrize(
    ("name", "expected"),
    # ResNet50: Noh et al. 2017's published code. ResNet18: 7, 11, +4·2·4, +8+3·16, +16+3·32 = 211 by hand.
    [("resnet50", ReceptiveField(291, 16, 145)), ("resnet18", ReceptiveField(211, 16, 105))],
)
def test_trunks(name: str, expected: ReceptiveField) -> None:
    trunk = build_trunk(name)
    field = receptive_field(trunk.output)
    assert field == expected
    # Behind the preprocessing, so that a black image is all zeros.
    network = keras.Model(trunk.get_layer("preprocessing").output, trunk.output)
    averaging(network)
    # Pixels just inside and just outside the first cell's view.
    for pixel in (expected.padding, expected.padding + 1):
        assert cells_that_see(network, 320, pixel) == cells_of(field, 20, pixel)


def test_other_layers_agree_with_what_they_see() -> None:
    x = image = keras.Input((None, None, 1))
    x = L.ZeroPadding2D(3)(x)
    x = L.DepthwiseConv2D(5, strides=2, padding="valid")(x)
    x = L.Conv2D(2, 4, padding="same")(x)
    x = L.Conv2D(2, 3, dilation_rate=3, padding="same")(x)
    branch = L.Conv2D(2, 3, strides=3, padding="valid")(x)
    x = L.Concatenate()([branch, L.AveragePooling2D(3, strides=3)(x)])
    model = keras.Model(image, x)
    averaging(model)
    field = receptive_field(model.output)
    cells = model(np.zeros((1, 90, 90, 1), np.float32)).shape[1]
    for pixel in range(30, 60):
        assert cells_that_see(model, 90, pixel) == cells_of(field, cells, pixel)


def test_boxes_in_row_order() -> None:
    boxes = ReceptiveField(size=5, stride=2, padding=1).boxes(2, 3)
    assert boxes.tolist() == [
        [-1, -1, 4, 4],
        [-1, 1, 4, 6],
        [-1, 3, 4, 8],
        [1, -1, 6, 4],
        [1, 1, 6, 6],
        [1, 3, 6, 8],
    ]


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (L.Conv2D(2, 3, strides=2, padding="same", name="odd"), "'odd' pads by 'same' with stride 2"),
        (L.Conv2D(2, (3, 1), name="odd"), "'odd' treats rows and columns differently"),
        (L.ZeroPadding2D((1, 2), name="odd"), "'odd' pads 1 rows but 2 columns"),
        (L.UpSampling2D(2, name="odd"), r"'odd' \(UpSampling2D\) has no receptive field"),
    ],
)
def test_refuses_layers_without_a_fixed_field(layer: keras.Layer, message: str) -> None:
    image = keras.Input((None, None, 1))
    with pytest.raises(ValueError, match=message):
        receptive_field(layer(image))


def test_refuses_branches_of_different_strides() -> None:
    image = keras.Input((8, 8, 1))
    slow = L.Conv2D(1, 1, strides=2)(image)
    fast = L.Conv2D(1, 5)(image)
    with pytest.raises(ValueError, match=r"joins maps of the strides \[1, 2\]"):
        receptive_field(L.Concatenate(name="join")([slow, fast]))
