"""Which pixels of an image a cell of a convolutional feature map sees, computed from the layers of a Keras model."""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class ReceptiveField:
    """Geometry of a feature map: cell i sees the pixels from `i·stride − padding` on, `size` of them.

    The same in both directions. ResNet50's conv4 has (291, 16, 145), as in Noh et al. 2017's published code.

    Attributes:
        size: pixels that a cell sees, per side.
        stride: pixels between two cells.
        padding: pixels that the first cell sees before the first pixel.
    """

    size: int
    stride: int
    padding: int

    def boxes(self, height: int, width: int) -> NDArray[np.float64]:
        """What every cell of a map of `height` x `width` cells sees, row by row.

        Returns:
            [height · width, 4] float64 (ymin, xmin, ymax, xmax) in pixels of the network's input: edges, so that
            pixel i spans i to i + 1; they reach beyond the image where the padding does.
        """
        rows, columns = np.mgrid[:height, :width].reshape(2, -1) * float(self.stride) - self.padding
        return np.stack([rows, columns, rows + self.size, columns + self.size], axis=1)


@dataclass(frozen=True)
class _Span:
    """The first and last pixel that cell 0 sees, and the pixels from one cell to the next."""

    first: int
    last: int
    stride: int


_WINDOWED = (
    keras.layers.Conv2D,
    keras.layers.DepthwiseConv2D,
    keras.layers.MaxPooling2D,
    keras.layers.AveragePooling2D,
)
_POINTWISE = (
    keras.layers.Activation,
    keras.layers.BatchNormalization,
    keras.layers.Dropout,
    keras.layers.ReLU,
    keras.layers.Rescaling,
)
_MERGING = (keras.layers.Add, keras.layers.Concatenate, keras.layers.Multiply)


def receptive_field(output: keras.KerasTensor) -> ReceptiveField:
    """The receptive field of a feature map [B, h, w, D] of a functional model with one input image.

    Raises:
        ValueError: a layer on the way has no fixed receptive field (global pooling, "same" padding with a stride,
            a kernel that is not square), or branches of different strides meet.
    """
    spans: dict[int, _Span] = {}
    span = _span_of(output, spans)
    return ReceptiveField(size=span.last - span.first + 1, stride=span.stride, padding=-span.first)


def _span_of(tensor: keras.KerasTensor, spans: dict[int, _Span]) -> _Span:
    if id(tensor) not in spans:
        history = tensor._keras_history
        inputs = history.operation._inbound_nodes[history.node_index].input_tensors
        spans[id(tensor)] = _through(history.operation, [_span_of(each, spans) for each in inputs])
    return spans[id(tensor)]


def _through(layer: Any, before: list[_Span]) -> _Span:
    if isinstance(layer, keras.layers.InputLayer):
        return _Span(first=0, last=0, stride=1)
    if isinstance(layer, _MERGING):
        return _merged(layer, before)
    if isinstance(layer, _POINTWISE):
        return before[0]
    if isinstance(layer, keras.layers.ZeroPadding2D):
        return _padded(layer, before[0])
    if isinstance(layer, _WINDOWED):
        return _windowed(layer, before[0])
    raise ValueError(f"layer {layer.name!r} ({type(layer).__name__}) has no receptive field that is known here")


def _merged(layer: Any, before: list[_Span]) -> _Span:
    strides = {span.stride for span in before}
    if len(strides) != 1:
        raise ValueError(f"layer {layer.name!r} joins maps of the strides {sorted(strides)}")
    first, last = min(span.first for span in before), max(span.last for span in before)
    return _Span(first=first, last=last, stride=strides.pop())


def _padded(layer: Any, before: _Span) -> _Span:
    (top, _), (left, _) = layer.padding
    if top != left:
        raise ValueError(f"layer {layer.name!r} pads {top} rows but {left} columns; only equal ones are known here")
    shift = top * before.stride
    return _Span(first=before.first - shift, last=before.last - shift, stride=before.stride)


def _windowed(layer: Any, before: _Span) -> _Span:
    kernels = set(getattr(layer, "kernel_size", None) or layer.pool_size)
    strides = set(layer.strides)
    dilations = set(getattr(layer, "dilation_rate", (1,)))
    if len(kernels) != 1 or len(strides) != 1 or len(dilations) != 1:
        raise ValueError(f"layer {layer.name!r} treats rows and columns differently, which is not known here")
    reach, step = (kernels.pop() - 1) * dilations.pop(), strides.pop()
    if layer.padding == "same" and step > 1 and reach > 0:
        raise ValueError(f"layer {layer.name!r} pads by 'same' with stride {step}: that depends on the image's size")
    left = reach // 2 if layer.padding == "same" else 0
    return _Span(
        first=before.first - left * before.stride,
        last=before.last + (reach - left) * before.stride,
        stride=before.stride * step,
    )
