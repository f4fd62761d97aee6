"""Cosines whose bits depend on nothing but the two rows: the figures that decide every search.

A matrix product rounds differently with its shape, its library and its device. Searches therefore only propose with
one; what they return is computed here, row by row, in float64, and rounded to float32.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
Integers = NDArray[np.int64]

# Rows handled at once: small enough that float64 copies of 512-d rows stay in the processor's cache.
_ROWS = 512


def check_vectors(vectors: np.ndarray, name: str) -> None:
    """Refuses what is no matrix of floating-point rows.

    Args:
        vectors: any array.
        name: what the message calls it.

    Raises:
        ValueError: the shape is not [N, E] with E >= 1, or the numbers are not floating-point.
    """
    if vectors.ndim != 2 or vectors.shape[1] < 1:
        raise ValueError(f"{name} must be [N, E] with E >= 1, got the shape {list(vectors.shape)}")
    if not np.issubdtype(vectors.dtype, np.floating):
        raise ValueError(f"{name} must hold floating-point numbers, got {vectors.dtype}; convert them to float32")


def normalised(
    vectors: Floats, name: str, first: int = 0, *, columns: int = 0, dtype: str = "float32"
) -> NDArray[np.floating]:
    """Returns rows of length 1, computed in float64, as [N, E + columns]; the further columns are zero.

    Args:
        vectors: [N, E], any float type; may be memory-mapped.
        name: what an error calls them.
        first: number of the first row, for errors.
        columns: room for what a search adds to each row.
        dtype: of the result.

    Raises:
        ValueError: a row holds NaN or infinity, or is all zeros.
    """
    size = vectors.shape[1]
    rows = np.zeros((len(vectors), size + columns), dtype)

    def normalise(start: int) -> None:
        part = np.asarray(vectors[start : start + _ROWS], np.float64)
        lengths = np.sqrt(row_products(part, part))
        good = np.isfinite(lengths) & (lengths > 0)
        if not good.all():
            row = int(np.flatnonzero(~good)[0])
            wrong = "is all zeros" if np.isfinite(part[row]).all() else "holds NaN or infinity"
            raise ValueError(
                f"row {first + start + row} of {name} {wrong}; embed that photograph again or leave it out"
            )
        np.divide(part, lengths[:, None], out=rows[start : start + _ROWS, :size], casting="same_kind")

    in_threads(normalise, range(0, len(vectors), _ROWS))
    return rows


def pair_cosines(queries: Floats, index: Floats, query_rows: Integers, rows: Integers) -> NDArray[np.float64]:
    """Returns [P] float64, the cosine of each pair of rows; equal rows give equal bits wherever they stand.

    Args:
        queries: [Q, E], any float type and length.
        index: [N, E], likewise; may be memory-mapped.
        query_rows: [P] int, ascending or grouped so that the gathered rows stay near each other.
        rows: [P] int, rows of the index.
    """
    cosines = np.empty(len(rows), np.float64)

    def compare(start: int) -> None:
        part = slice(start, start + _ROWS)
        left = np.asarray(queries[query_rows[part]], np.float64)
        right = np.asarray(index[rows[part]], np.float64)
        lengths = np.sqrt(row_products(left, left)) * np.sqrt(row_products(right, right))
        cosines[part] = row_products(left, right) / lengths

    in_threads(compare, range(0, len(rows), _ROWS))
    return cosines


def row_products(left: NDArray[np.float64], right: NDArray[np.float64]) -> NDArray[np.float64]:
    """The scalar product of each row with its partner, [N] float64.

    Not a matrix product: `einsum` adds along the contiguous axis in one order, whatever the number of rows.
    """
    return np.einsum("nd,nd->n", left, right)


def in_threads(work: Callable[[int], None], starts: range) -> None:
    """Calls `work` with each number, on all processors; NumPy lets go of the interpreter's lock inside."""
    if len(starts) < 2:
        for start in starts:
            work(start)
        return
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        # In order, so that of several errors the first is raised.
        for _ in pool.map(work, starts):
            pass


def best_pairs(
    query_rows: Integers, rows: Integers, scores: NDArray[np.float32], num_queries: int, k: int
) -> tuple[NDArray[np.float32], Integers]:
    """The k best of scored pairs by (score descending, row ascending); a pair that is given twice counts once.

    Args:
        query_rows: [P] int.
        rows: [P] int, rows of the index.
        scores: [P] float32.
        num_queries: Q.
        k: how many a query.

    Returns:
        scores [Q, k] float32 and rows [Q, k] int64; -inf and -1 where there are fewer.
    """
    order = np.lexsort((rows, -scores, query_rows))
    query_rows, rows, scores = query_rows[order], rows[order], scores[order]
    fresh = np.ones(len(rows), bool)
    fresh[1:] = (rows[1:] != rows[:-1]) | (query_rows[1:] != query_rows[:-1])
    query_rows, rows, scores = query_rows[fresh], rows[fresh], scores[fresh]
    rank = np.arange(len(rows)) - np.searchsorted(query_rows, np.arange(num_queries))[query_rows]
    keep = rank < k
    best = np.full((num_queries, k), -np.inf, np.float32)
    places = np.full((num_queries, k), -1, np.int64)
    best[query_rows[keep], rank[keep]] = scores[keep]
    places[query_rows[keep], rank[keep]] = rows[keep]
    return best, places
