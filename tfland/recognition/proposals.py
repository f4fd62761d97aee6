"""Which rows of an index may be among the best: fast products, whose rounding is bounded."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfland.recognition.cosine import Integers
from tfland.recognition.search_index import SearchIndex

# Half a unit in the last place of 1, of numbers and of sums.
ROUNDOFF = {"float32": 2.0**-24, "float16": 2.0**-11, "bfloat16": 2.0**-8}


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """The best rows of each query by products of limited precision.

    Attributes:
        values: [Q, C] float32, descending; cosine, less the penalty, within `error`; -inf where there is no row.
        rows: [Q, C] int64; -1 where there is none.
        error: bound of |value - true value|.
        complete: every row of the index is there.
    """

    values: NDArray[np.float32]
    rows: Integers
    error: float
    complete: bool


def error_bound(index: SearchIndex, dtype: str) -> float:
    """Bounds the error of a product of two rows of length 1 in `dtype`, whatever the order of its float32 sum.

    Both factors and the result are rounded once, 3u; a sum of D terms errs by D units of float32 at most (Higham 2002,
    "Accuracy and Stability of Numerical Algorithms", section 3.1), by twice that where tensor cores truncate, and by as
    much again where the length was summed on the device; all times the sizes of the terms, 1 + penalty.
    """
    u = ROUNDOFF[dtype]
    on_host = dtype == "float32" and isinstance(index.vectors, np.ndarray)
    sums = (1 if on_host else 3) * (index.size + 8) * ROUNDOFF["float32"]
    # Below 2^-14 numbers of float16 lie 2^-24 apart: D of them, times a row of length 1.
    smallest = 2.0**-24 * index.size**0.5 if dtype == "float16" else 0.0
    return (3.01 * u + sums + 2 * smallest) * (1 + index.largest_penalty)


def propose_faiss(queries: NDArray[np.float32], index: SearchIndex, count: int, block_rows: int) -> Proposal:
    """Returns the best rows by faiss, which multiplies and selects in one go; block by block.

    Args:
        queries: [Q, D] float32, of `SearchIndex.queries`.
        index: what is searched.
        count: C, rows a query.
        block_rows: rows of the index in memory at once.
    """
    import faiss

    values = np.full((len(queries), 0), -np.inf, np.float32)
    rows = np.full((len(queries), 0), -1, np.int64)
    for first, block in index.blocks(block_rows):
        best, places = faiss.knn(queries, block, min(count, len(block)), metric=faiss.METRIC_INNER_PRODUCT)
        values = np.concatenate([values, best], axis=1)
        rows = np.concatenate([rows, places + first], axis=1)
        if values.shape[1] > count:
            order = np.argsort(-values, axis=1, kind="stable")[:, :count]
            values, rows = np.take_along_axis(values, order, axis=1), np.take_along_axis(rows, order, axis=1)
    return Proposal(values=values, rows=rows, error=error_bound(index, "float32"), complete=count >= len(index))
