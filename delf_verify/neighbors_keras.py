"""Exact nearest neighbours by `keras.ops`: the product on the accelerator that Keras sees, or on the processor.

The device proposes, as the blocked product of `neighbors` does, and the same float64 distances decide: the neighbours
are the same with TensorFlow and JAX, whatever the device rounds to. A query for which the proposals are not proved to
be enough (many descriptors at nearly one distance) is searched on the processor.
"""

import numpy as np

from delf_verify.neighbors import DescriptorIndex, Floats, Integers, lift, search_exact, select_nearest

# Rows that a device multiplies at once: 1 GB of products at most.
QUERY_BLOCK, INDEX_BLOCK = 4096, 65536
# Proposed for a query and a block of the index beyond K.
_SPARE = 22
# Few different shapes: a backend compiles for each of them.
_QUERY_STEP, _INDEX_STEP = 256, 2048
# The rounding of a factor where a device multiplies float32 more coarsely: a GPU may take TF32 (11 bits), others
# bfloat16 (8 bits).
_FACTOR_UNITS = {"cpu": 0.0, "gpu": 2.0**-11}
_COARSEST_UNIT = 2.0**-8
# Squared distance of rows that fill up a block.
_FAR = np.float32(1e38)


def search_keras(
    index: DescriptorIndex,
    queries: Floats,
    count: int,
    limit: float,
    query_block: int = QUERY_BLOCK,
    index_block: int = INDEX_BLOCK,
) -> tuple[Floats, Integers]:
    """See `DescriptorIndex.neighbors`; the result does not depend on the sizes of the blocks, backend or device."""
    distances = np.full((len(queries), count), np.inf, np.float32)
    rows = np.full((len(queries), count), -1, np.int64)
    for start in range(0, len(queries), query_block):
        block = queries[start : start + query_block]
        part = slice(start, start + len(block))
        distances[part], rows[part] = _search_block(index, block, count, limit, index_block)
    return distances, rows


def _search_block(
    index: DescriptorIndex, queries: Floats, count: int, limit: float, index_block: int
) -> tuple[Floats, Integers]:
    lifted, slack = lift(queries, index, _FACTOR_UNITS.get(_device_kind(), _COARSEST_UNIT))
    bounds = np.float32(min(limit, 1e18) ** 2) + slack
    proposed = [
        _best(lifted, index.augmented[start : start + index_block], count + _SPARE)
        for start in range(0, len(index), index_block)
    ]
    values = np.concatenate([values for values, _ in proposed], axis=1)
    columns = np.concatenate([columns + i * index_block for i, (_, columns) in enumerate(proposed)], axis=1)
    if values.shape[1] >= count:
        bounds = np.minimum(bounds, np.partition(values, count - 1, axis=1)[:, count - 1] + slack)
    # What a block did not propose is no nearer than the last of its proposals.
    proved = np.ones(len(queries), dtype=bool)
    for start, (block_values, _) in zip(range(0, len(index), index_block), proposed, strict=True):
        if block_values.shape[1] < min(index_block, len(index) - start):
            proved &= block_values[:, -1] > bounds
    near = (values <= bounds[:, None]) & (columns < len(index)) & proved[:, None]
    query_rows, places = np.nonzero(near)
    proposals = query_rows, columns[query_rows, places]
    distances, rows = select_nearest(index.descriptors, queries, *proposals, count, limit)
    if not proved.all():
        distances[~proved], rows[~proved] = search_exact(index, queries[~proved], count, limit)
    return distances, rows


def _best(lifted: Floats, block: Floats, count: int) -> tuple[Floats, Integers]:
    """The smallest products [N, C] of each query with the rows of a block, ascending, and their rows [N, C]."""
    from keras import ops

    count = min(count, len(block))
    filled_queries = np.pad(lifted, ((0, -len(lifted) % _QUERY_STEP), (0, 0)))
    filled_block = np.pad(block, ((0, -len(block) % _INDEX_STEP), (0, 0)))
    filled_block[len(block) :, -2] = _FAR
    products = ops.matmul(ops.convert_to_tensor(filled_queries), ops.transpose(ops.convert_to_tensor(filled_block)))
    negative, columns = ops.top_k(ops.negative(products), count)
    values = -ops.convert_to_numpy(negative)[: len(lifted)]
    return values, ops.convert_to_numpy(columns)[: len(lifted)].astype(np.int64)


def _device_kind() -> str:
    """Where Keras computes, such as "cpu", "gpu" or "tpu"."""
    import keras

    return str(keras.distribution.list_devices()[0]).partition(":")[0]
