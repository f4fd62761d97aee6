"""Exact search by cosine: the k most similar rows of an index, the same for every engine, device and size of block.

A fast engine proposes a few more than k rows with their cosines to within a bound (`proposals`). Their cosines are then
computed again, row by row in float64 (`cosine`), and these decide; equal float32 scores go by row. A query is settled
when no row that was not proposed can reach its k-th score; the few others look at every row that could.
"""

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tfland.recognition.cosine import Floats, Integers, best_pairs, check_vectors, pair_cosines
from tfland.recognition.proposals import Proposal, error_bound, propose_faiss
from tfland.recognition.search_approximate import propose_approximate
from tfland.recognition.search_index import SearchIndex
from tfland.recognition.search_keras import accelerators, propose_keras

Propose = Callable[[NDArray[np.float32], SearchIndex, int, int], Proposal]

ENGINES: dict[str, Propose] = {
    "faiss": propose_faiss,
    "keras": propose_keras,
    "faiss-approximate": propose_approximate,
}
# Beside the engines: the fastest exact one of this machine.
AUTO = "auto"
BLOCK_BYTES = 1 << 30
_FLOAT_BYTES = 4
# A block never has fewer rows: less would be all overhead.
_FEWEST_ROWS = 4096
# Multiplications below which starting an accelerator or TensorFlow's threads does not pay, and from which on loading
# TensorFlow for the purpose does.
_SMALL, _WORTH_LOADING = 10**9, 2 * 10**12


def top_k(
    queries: Floats,
    index: Floats | SearchIndex,
    k: int,
    *,
    engine: str = AUTO,
    block_bytes: int = BLOCK_BYTES,
) -> tuple[NDArray[np.float32], Integers]:
    """Returns the k rows of the index that are most similar to each query, by cosine; equal scores by row.

    Args:
        queries: [Q, E], any float type and length; may be memory-mapped.
        index: [N, E], likewise, or a `SearchIndex`, whose scores may have penalties.
        k: how many a query.
        engine: "faiss" or "keras" (on every accelerator that Keras sees, else on the processor), which give the same;
            "auto", the faster of them here; "faiss-approximate", which misses some rows.
        block_bytes: memory beside the arguments and the result, in bytes; about that much, and never less than a few
            thousand rows need.

    Returns:
        scores [Q, k] float32, descending, and rows [Q, k] int64; -inf and -1 where the index has fewer than k rows.

    Raises:
        ValueError: a shape or an option is wrong, or a row holds NaN, infinity or zeros alone; names it.
    """
    index = index if isinstance(index, SearchIndex) else SearchIndex(index)
    check_vectors(queries, "queries")
    if queries.shape[1] != index.vectors.shape[1]:
        raise ValueError(
            f"queries have {queries.shape[1]} dimensions and the index has {index.vectors.shape[1]}; "
            "embed both with one model"
        )
    if k < 1 or block_bytes < 1:
        raise ValueError(f"k is {k} and block_bytes is {block_bytes}; both must be at least 1")
    if engine != AUTO and engine not in ENGINES:
        raise ValueError(f"engine must be one of {', '.join([AUTO, *ENGINES])}, got {engine!r}")
    name = fastest_engine(len(queries) * len(index) * index.size) if engine == AUTO else engine
    scores = np.full((len(queries), k), -np.inf, np.float32)
    rows = np.full((len(queries), k), -1, np.int64)
    block_rows = max(_FEWEST_ROWS, block_bytes // (2 * _FLOAT_BYTES * index.size))
    search = partial(_search, index=index, k=k, propose=ENGINES[name], block_rows=block_rows)
    for start in range(0, len(queries) if len(index) else 0, block_rows):
        part = slice(start, start + block_rows)
        scores[part], rows[part] = search(queries[part], start)
    return scores, rows


def fastest_engine(multiplications: int) -> str:
    """Returns the exact engine that is fastest here for so many multiplications: see benchmarks/README.md.

    An accelerator is the fastest. On a processor TensorFlow multiplies faster than faiss and takes seconds to load;
    JAX is slower.
    """
    loaded = "keras" in sys.modules
    if multiplications < _SMALL or not (loaded or multiplications >= _WORTH_LOADING or _accelerator_files()):
        return "faiss"
    import keras

    return "keras" if keras.backend.backend() == "tensorflow" or accelerators() else "faiss"


def _accelerator_files() -> bool:
    return any(Path(name).exists() for name in ("/dev/nvidiactl", "/dev/kfd", "/dev/accel0"))


def _search(
    queries: Floats, first: int, *, index: SearchIndex, k: int, propose: Propose, block_rows: int
) -> tuple[NDArray[np.float32], Integers]:
    """`top_k` for queries that fit into memory."""
    unit = index.queries(queries, first)
    proposal = propose(unit, index, min(k + max(8, k // 4), len(index)), block_rows)
    scores, rows = _decide(queries, index, proposal, k)
    if proposal.complete:
        return scores, rows
    # What was not proposed is at most this; float32 scores are compared, so it is rounded up to one.
    missed = np.nextafter((proposal.values[:, -1] + np.float64(proposal.error)).astype(np.float32), np.float32(np.inf))
    open_rows = np.flatnonzero(~(missed < scores[:, -1]))
    step = max(1, block_rows // 64)
    for start in range(0, len(open_rows), step):
        part = open_rows[start : start + step]
        scores[part], rows[part] = _settle(queries[part], unit[part], index, scores[part], rows[part], block_rows)
    return scores, rows


def _decide(queries: Floats, index: SearchIndex, proposal: Proposal, k: int) -> tuple[NDArray[np.float32], Integers]:
    """The k best of the rows proposed, and of those that a cosine below 0 leaves in front."""
    values = proposal.values
    kth = values[:, min(k, values.shape[1]) - 1 :][:, :1]
    near = (values >= kth - 2 * proposal.error) & (proposal.rows >= 0)
    query_rows, columns = np.nonzero(near)
    rows = proposal.rows[query_rows, columns]
    extra = index.least_penalised(k)
    if len(extra):
        query_rows = np.concatenate([query_rows, np.repeat(np.arange(len(queries)), len(extra))])
        rows = np.concatenate([rows, np.tile(extra, len(queries))])
    scores = index.score(pair_cosines(queries, index.vectors, query_rows, rows), rows)
    return best_pairs(query_rows, rows, scores, len(queries), k)


def _settle(
    queries: Floats,
    unit: NDArray[np.float32],
    index: SearchIndex,
    scores: NDArray[np.float32],
    rows: Integers,
    block_rows: int,
) -> tuple[NDArray[np.float32], Integers]:
    """Looks at every row that could reach the k-th score so far; for queries with many equal or nearly equal rows."""
    k, error = scores.shape[1], error_bound(index, "float32")
    # Pairs of a block: products in float32, one mask and a few numbers for each that passes it.
    step = max(256, min(block_rows, 16 * block_rows // max(len(queries), 1)))
    for first, block in index.blocks(step):
        values = unit @ block.T
        # One float32 below the score, in which two rows that differ by less are equal.
        floor = np.nextafter(scores[:, -1], np.float32(-np.inf)) - np.float32(2 * error)
        query_rows, columns = np.nonzero(values >= floor[:, None])
        found = index.score(pair_cosines(queries, index.vectors, query_rows, columns + first), columns + first)
        known_rows, known = np.nonzero(rows >= 0)
        scores, rows = best_pairs(
            np.concatenate([known_rows, query_rows]),
            np.concatenate([rows[known_rows, known], columns + first]),
            np.concatenate([scores[known_rows, known], found]),
            len(queries),
            k,
        )
    return scores, rows
