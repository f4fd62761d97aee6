"""From pooled features to the embedding, and from the embedding to one number per class."""

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="tfland")
class CosineHead(keras.layers.Layer):
    """Cosines between the embedding and one weight vector per class, the input of ArcFace.

    `logits[b, j] = x_b · w_j / (|x_b| |w_j|)`, in float32 whatever the policy; the margin belongs to the loss
    (Deng et al. 2019, https://arxiv.org/abs/1801.07698, section 2.1). The product is divided by the norms
    afterwards: at 203,094 classes a normalised copy of the weights would be 416 MB a step.

    Args:
        num_classes: C, the number of classes.

    Input shape: [B, E]. Output shape: [B, C] float32 in [-1, 1].

    Raises:
        ValueError: num_classes is below 1.
    """

    def __init__(self, num_classes: int, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "dtype": "float32"})
        if num_classes < 1:
            raise ValueError(f"num_classes of the cosine head is {num_classes!r}; give at least 1")
        self._num_classes = num_classes

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Makes the class weights [E, C]."""
        shape = (input_shape[-1], self._num_classes)
        self.kernel = self.add_weight(name="kernel", shape=shape, initializer="glorot_uniform")

    def call(self, inputs: Any) -> Any:
        """[B, E] -> [B, C] float32 in [-1, 1]."""
        embedding = ops.normalize(inputs, axis=-1)
        # Rounding takes some cosines to 1.0000001, whose sine is not a number.
        return ops.clip(_project(embedding, ops.copy(self.kernel)), -1.0, 1.0)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """[B, E] -> [B, C]."""
        return (*input_shape[:-1], self._num_classes)

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return {**super().get_config(), "num_classes": self._num_classes}


@ops.custom_gradient
def _project(embedding: Any, kernel: Any) -> Any:
    """`x · w_j / |w_j|`; [B, E] and [E, C] -> [B, C].

    Its gradient by w_j, `Σ_b g_bj (x_b − c_bj w_j / |w_j|) / |w_j|`, is written out: through the norms, differentiation
    by machine makes three more matrices of the kernel's size (`benchmarks/head_scale.py`).
    """
    norms = ops.sqrt(ops.maximum(ops.sum(ops.square(kernel), axis=0), 1e-24))
    cosines = ops.matmul(embedding, kernel) / norms

    def gradient(*arguments: Any, upstream: Any = None) -> tuple[Any, Any]:
        g = arguments[0] if upstream is None else upstream
        scaled = g / norms
        along = ops.sum(scaled * cosines, axis=0) / norms
        return ops.matmul(scaled, ops.transpose(kernel)), ops.matmul(ops.transpose(embedding), scaled) - kernel * along

    return cosines, gradient


def linear_head(num_classes: int, name: str) -> keras.Layer:
    """Logits [B, C] float32 as an affine map of the embedding [B, E]; float32 because softmax follows."""
    return keras.layers.Dense(num_classes, dtype="float32", name=name)


def embedding_neck(
    features: keras.KerasTensor, embedding_size: int, form: str = "linear_bn_prelu", dropout: float = 0.0
) -> keras.KerasTensor:
    """From pooled features to the embedding.

    "linear_bn_prelu" is the neck of the 2020 winner (seed 001, section 2.1), with a dropout of 0.3 before it the third
    form of its published code; "linear_bn" is that code's other form, whose linear layer has no bias. "linear" is the
    dense layer to 1000 of seed 000, section 3.3, which names no activation.

    Args:
        features: pooled features [B, C].
        embedding_size: E, entries of the embedding.
        form: a name above.
        dropout: share of the pooled features zeroed in training.

    Returns:
        The embedding [B, E], in the policy's precision.
    """
    x = keras.layers.Dropout(dropout, name="neck_dropout")(features) if dropout else features
    # Batch normalisation takes a bias away again; the winner's first form has one all the same.
    x = keras.layers.Dense(embedding_size, use_bias=form != "linear_bn", name="embedding_dense")(x)
    if form == "linear":
        return x
    x = keras.layers.BatchNormalization(name="embedding_bn")(x)
    if form == "linear_bn":
        return x
    # One slope for all entries, starting at 0.25, as in the PyTorch module that the winner used.
    slope = keras.initializers.Constant(0.25)
    return keras.layers.PReLU(slope, shared_axes=[1], name="embedding_prelu")(x)
