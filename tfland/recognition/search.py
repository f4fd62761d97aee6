"""Exact search by cosine: the k most similar rows of an index, the same for every engine and size of block."""

import numpy as np
from numpy.typing import NDArray

from tfland.recognition.cosine import Floats, Integers, best_pairs, check_vectors, normalised, pair_cosines

ENGINES = ("auto", "faiss", "keras", "faiss-approximate")
BLOCK_BYTES = 1 << 30


def top_k(
    queries: Floats,
    index: Floats,
    k: int,
    *,
    engine: str = "auto",
    block_bytes: int = BLOCK_BYTES,
    penalties: NDArray[np.float32] | None = None,
) -> tuple[NDArray[np.float32], Integers]:
    """Returns the k rows of the index that are most similar to each query, by cosine; equal scores by row.

    Args:
        queries: [Q, E], any float type and length; may be memory-mapped.
        index: [N, E], likewise.
        k: how many a query.
        engine: one of `ENGINES`.
        block_bytes: memory beside the arguments and the result, in bytes.
        penalties: [N] float32, finite. With them the score is clip(cosine, 0, 1) - penalty (seed 001, section 2.4,
            step 3).

    Returns:
        scores [Q, k] float32, descending, and rows [Q, k] int64; -inf and -1 where the index has fewer than k rows.

    Raises:
        ValueError: a shape or an option is wrong, or a row holds NaN, infinity or zeros alone; names it.
    """
    check_vectors(queries, "queries")
    check_vectors(index, "index")
    if queries.shape[1] != index.shape[1]:
        raise ValueError(
            f"queries are {queries.shape[1]}-dimensional, the index {index.shape[1]}: use one model for both"
        )
    if k < 1 or engine not in ENGINES:
        raise ValueError(f"k is {k} and engine is {engine!r}; give k >= 1 and one of {', '.join(ENGINES)}")
    normalised(queries, "queries")
    normalised(index, "the index")
    query_rows, rows = np.divmod(np.arange(len(queries) * len(index)), max(len(index), 1))
    scores = pair_cosines(queries, index, query_rows, rows)
    if penalties is not None:
        scores = np.clip(scores, 0, 1) - penalties[rows]
    return best_pairs(query_rows, rows, scores.astype(np.float32), len(queries), k)
