"""From a feature map to one vector per image."""

from typing import Any

import keras
from keras import ops

_FLOOR = 1e-6


@keras.saving.register_keras_serializable(package="tfland")
class GeMPooling(keras.layers.Layer):
    """Generalised mean over space, channel by channel: `(mean x^p)^(1/p)`, x clamped at 1e-6.

    p = 1 is the average, p -> infinity the maximum. Radenović, Tolias and Chum 2018,
    https://arxiv.org/abs/1711.02512, equation 3; seed 001 uses it with p = 3, fixed or trained.

    Computed in float32 whatever the policy, and as `x_max · (mean (x/x_max)^p)^(1/p)`: the same number, but a
    power of a small or large value neither vanishes (whose root has no finite gradient) nor overflows.

    Args:
        p: the exponent, or its start value.
        train_p: learn p.
        per_channel: a p for each channel, as in the paper; the default is one for all, as in seed 001.

    Input shape: [B, H, W, C]. Output shape: [B, C] float32.

    Raises:
        ValueError: p is not above 0.
    """

    def __init__(self, p: float = 3.0, *, train_p: bool = False, per_channel: bool = False, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "dtype": "float32"})
        if not p > 0:
            raise ValueError(f"p of GeM pooling is {p!r}; give a number above 0")
        self._start_p = p
        self._train_p = train_p
        self._per_channel = per_channel

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Makes the exponent, or one for each channel."""
        start = keras.initializers.Constant(self._start_p)
        shape = (input_shape[-1],) if self._per_channel else ()
        self.p = self.add_weight(name="p", shape=shape, initializer=start, trainable=self._train_p)

    def call(self, inputs: Any) -> Any:
        """[B, H, W, C] -> [B, C] float32."""
        features = ops.maximum(inputs, _FLOOR)
        largest = ops.stop_gradient(ops.max(features, axis=(1, 2), keepdims=True))
        mean = ops.mean(ops.power(features / largest, self.p), axis=(1, 2))
        return ops.squeeze(largest, axis=(1, 2)) * ops.power(mean, 1 / self.p)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """[B, H, W, C] -> [B, C]."""
        return (input_shape[0], input_shape[-1])

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        own = {"p": self._start_p, "train_p": self._train_p, "per_channel": self._per_channel}
        return {**super().get_config(), **own}
