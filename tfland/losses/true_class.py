"""One logit of each example, that of its true class: read, and replaced, without a one-hot matrix."""

from typing import Any

from keras import ops


def true_class_logits(labels: Any, logits: Any) -> Any:
    """The logit of each example's own class; labels [B] integer, logits [B, C] -> [B]."""
    return ops.take_along_axis(logits, ops.cast(labels, "int32")[:, None], axis=1)[:, 0]


def replace_true_class(labels: Any, logits: Any, values: Any) -> Any:
    """The logits with `values` in each example's own class.

    At 203,094 classes a one-hot matrix would cost three times the time (`benchmarks/README.md`).

    Args:
        labels: [B] integer, class indices.
        logits: [B, C].
        values: [B], of the logits' type.

    Returns:
        [B, C].
    """
    columns = ops.cast(labels, "int32")[:, None]
    rows = ops.arange(ops.shape(columns)[0], dtype="int32")[:, None]
    return ops.scatter_update(logits, ops.concatenate([rows, columns], axis=1), values)
