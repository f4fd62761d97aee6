"""Approximate search: faiss looks at the photographs near a few of many centres. Fast, and it misses some."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfland.recognition.proposals import Proposal
from tfland.recognition.search_index import SearchIndex
from tfrecords_builder.atomic import atomic_write

logger = logging.getLogger(__name__)

# faiss asks for 39 to 256 rows a centre; more only makes the training longer.
_ROWS_A_CENTRE = 64
_CENTRES_VISITED = 32


def build_approximate(index: SearchIndex, *, centres: int = 0, visited: int = _CENTRES_VISITED, seed: int = 0) -> None:
    """Gives an index faiss's inverted lists (`IndexIVFScalarQuantizer`, float16), which searches then use.

    Args:
        index: what is searched; its lists hold a copy of the rows in float16.
        centres: lists; 0 takes the square root of the number of rows.
        visited: lists that a query looks at.
        seed: of the centres.

    Raises:
        ValueError: there are more centres than rows, or fewer than 1 is visited.
    """
    import faiss

    centres = centres or max(1, round(len(index) ** 0.5))
    if not 1 <= centres <= len(index) or visited < 1:
        raise ValueError(f"centres is {centres} of {len(index)} rows and visited is {visited}; give 1 to all, and >= 1")
    kind, metric = faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT
    lists = faiss.IndexIVFScalarQuantizer(faiss.IndexFlatIP(index.size), index.size, centres, kind, metric)
    lists.cp.seed, lists.cp.min_points_per_centroid = seed + 1, 1
    sample = np.random.default_rng(seed).permutation(len(index))[: centres * _ROWS_A_CENTRE]
    lists.train(np.concatenate([index.block(row, row + 1, "float32") for row in np.sort(sample)]))
    for _, block in index.blocks(1 << 16):
        lists.add(block)
    lists.nprobe = min(visited, centres)
    index.approximate = lists
    logger.info("approximate index: %d rows in %d lists, of which a query visits %d", len(index), centres, lists.nprobe)


def propose_approximate(queries: NDArray[np.float32], index: SearchIndex, count: int, block_rows: int) -> Proposal:
    """Returns rows near each query, built on first use; those that are missing are not looked for (`complete`)."""
    del block_rows  # The lists are in memory as a whole.
    if index.approximate is None:
        build_approximate(index)
    values, rows = index.approximate.search(queries, count)
    # faiss's products of float16 numbers choose, nothing is left out afterwards.
    return Proposal(values=np.where(rows < 0, -np.inf, values), rows=rows, error=np.inf, complete=True)


def save_approximate(index: SearchIndex, path: Path) -> None:
    """Writes the lists of `build_approximate` whole.

    Raises:
        ValueError: they have not been built.
        OSError: the file cannot be written.
    """
    import faiss

    library: Any = faiss
    if index.approximate is None:
        raise ValueError("the index has no approximate lists yet; build them first")
    with atomic_write(path, "wb") as file:
        faiss.write_index(index.approximate, library.PyCallbackIOWriter(file.write))


def load_approximate(index: SearchIndex, path: Path) -> None:
    """Takes the lists from a file of `save_approximate`.

    Raises:
        ValueError: they belong to an index of another size.
        OSError: the file cannot be read.
    """
    import faiss

    library: Any = faiss
    with path.open("rb") as file:
        lists = library.read_index(library.PyCallbackIOReader(file.read))
    if (lists.ntotal, lists.d) != (len(index), index.size):
        raise ValueError(
            f"{path} holds lists of {lists.ntotal} rows of {lists.d} numbers, the index {len(index)} of {index.size}; "
            "build them again"
        )
    index.approximate = lists


def recall(found: NDArray[np.int64], exact: NDArray[np.int64]) -> float:
    """The share of the exact rows [Q, k] that were found, in [0, 1]; of rows -1 none is counted."""
    hits = (found[:, :, None] == exact[:, None, :]) & (exact[:, None, :] >= 0)
    return float(hits.sum() / max((exact >= 0).sum(), 1))
