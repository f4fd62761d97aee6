"""Proposals by `keras.ops`: on every accelerator that Keras sees, with TensorFlow or JAX, else on the processor."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfland.recognition.proposals import Proposal, error_bound
from tfland.recognition.search_index import SearchIndex

# Of the products: what each kind of device multiplies fastest. Float32 products of a GPU may be TF32, which is no
# better than float16.
DTYPES = {"cpu": "float32", "gpu": "float16", "tpu": "bfloat16"}
# Stands for "no row": below every cosine less a penalty, and finite in float16.
_NOWHERE = -6e4
# The C best of a row of products lie in those C groups of neighbouring columns whose largest are the best; to find them
# reads the products once, where a selection among all of them takes half as long as the product itself.
_GROUP = 128


def accelerators() -> list[str]:
    """Names of the GPUs or TPUs that Keras sees, such as "gpu:0"; loads its backend."""
    import keras

    return [name for name in keras.distribution.list_devices() if not name.startswith("cpu")]


def propose_keras(
    queries: NDArray[np.float32],
    index: SearchIndex,
    count: int,
    block_rows: int,
    devices: list[str] | None = None,
) -> Proposal:
    """Returns the best rows of each query; each device looks through a stretch of the index, in blocks.

    Args:
        queries: [Q, D] float32, of `SearchIndex.queries`.
        index: what is searched.
        count: C, rows a query, for products in float32; more are proposed for coarser ones.
        block_rows: rows of [D] float32 that a device and the host may hold at once.
        devices: of one kind; None takes all accelerators, or the processor.
    """
    devices = devices or accelerators() or ["cpu:0"]
    dtype = DTYPES[devices[0].partition(":")[0]]
    if dtype != "float32":
        count = min(2 * count + 16, len(index))
    rows = min(-(-max(block_rows // 4, 1) // _GROUP), -(-len(index) // _GROUP)) * _GROUP
    # As many queries at once as their products with a block take half of the memory.
    chunk = max(1, min(len(queries), block_rows * index.size // (2 * rows)))
    share = -(-len(index) // (rows * len(devices))) * rows
    starts = range(0, len(index), share)
    jobs = [_Stretch(index, start, min(start + share, len(index)), rows, count, dtype) for start in starts]
    with ThreadPoolExecutor(len(devices)) as pool:
        found = list(pool.map(lambda job, device: job.best(queries, chunk, device), jobs, devices))
    values, places = (np.concatenate(parts, axis=1) for parts in zip(*found, strict=True))
    order = np.argsort(-values, axis=1, kind="stable")[:, :count]
    values, places = np.take_along_axis(values, order, axis=1), np.take_along_axis(places, order, axis=1)
    nowhere = values <= _NOWHERE / 2
    values[nowhere], places[nowhere] = -np.inf, -1
    error = error_bound(index, dtype)
    return Proposal(values=values, rows=places.astype(np.int64), error=error, complete=count >= len(index))


@dataclass(frozen=True)
class _Stretch:
    """The part of an index that one device looks through."""

    index: SearchIndex
    start: int
    stop: int
    rows: int
    count: int
    dtype: str

    def best(
        self, queries: NDArray[np.float32], chunk: int, device: str
    ) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        """Returns the best values [Q, C] and rows [Q, C]; `_NOWHERE` where there are fewer."""
        import keras
        from keras import ops

        with keras.device(device):
            # Every chunk has one shape, so that a backend that compiles does so once.
            padded = np.pad(queries, ((0, -len(queries) % chunk), (0, 0)))
            parts = [ops.convert_to_tensor(padded[i : i + chunk], self.dtype) for i in range(0, len(padded), chunk)]
            known: list[tuple[Any, Any] | None] = [None] * len(parts)
            for first in range(self.start, self.stop, self.rows):
                stop = min(first + self.rows, self.stop)
                block = self._block(first, stop)
                if known[-1] is not None:
                    # The device is given one block ahead, no more: what waits for it takes memory.
                    ops.convert_to_numpy(known[-1][0][:1])
                for number, part in enumerate(parts):
                    known[number] = self._merge(known[number], *self._block_best(part, block, stop - first), first)
            found = [(ops.convert_to_numpy(v), ops.convert_to_numpy(r)) for v, r in (pair for pair in known if pair)]
        values, rows = (np.concatenate(column)[: len(queries)] for column in zip(*found, strict=True))
        return values, rows

    def _block(self, start: int, stop: int) -> Any:
        """Returns [D, rows] of the device, columns of length 1; those after the last row are zero."""
        from keras import ops

        block = ops.convert_to_tensor(self.index.block(start, stop, self.dtype), self.dtype)
        if stop - start < self.rows:
            block = ops.pad(block, ((0, self.rows - (stop - start)), (0, 0)))
        return ops.transpose(block)

    def _block_best(self, queries: Any, block: Any, filled: int) -> tuple[Any, Any]:
        """Values [c, C] float32 and columns [c, C] int32 of the best of queries [c, D] times a block [D, rows]."""
        from keras import ops

        values = ops.matmul(queries, block)
        if filled < self.rows:
            values = ops.where(ops.arange(self.rows) < filled, values, ops.cast(_NOWHERE, self.dtype))
        groups = self.rows // _GROUP
        grouped = ops.reshape(values, (-1, groups, _GROUP))
        _, best = ops.top_k(ops.max(grouped, axis=-1), min(self.count, groups))
        best = ops.cast(best, "int32")
        offsets = ops.arange(queries.shape[0], dtype="int32")[:, None] * groups
        picked = ops.take(ops.reshape(values, (-1, _GROUP)), best + offsets, axis=0)
        columns = best[:, :, None] * _GROUP + ops.arange(_GROUP, dtype="int32")
        picked = ops.cast(ops.reshape(picked, (queries.shape[0], -1)), "float32")
        values, places = ops.top_k(picked, min(self.count, picked.shape[1]))
        columns = ops.reshape(columns, (queries.shape[0], -1))
        return values, ops.take_along_axis(columns, ops.cast(places, "int32"), axis=1)

    def _merge(self, known: tuple[Any, Any] | None, values: Any, columns: Any, first: int) -> tuple[Any, Any]:
        """The best of those known and those of the block that begins at row `first`."""
        from keras import ops

        rows = columns + ops.cast(first, "int32")
        if known is None:
            return values, rows
        values, rows = ops.concatenate([known[0], values], axis=1), ops.concatenate([known[1], rows], axis=1)
        values, places = ops.top_k(values, min(self.count, values.shape[1]))
        return values, ops.take_along_axis(rows, ops.cast(places, "int32"), axis=1)
