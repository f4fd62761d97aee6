"""Exact nearest neighbours of descriptors, by engines that find the same ones.

"kdtree" is scipy's cKDTree (what seed 003 and DELF use); "exact" is a blocked matrix product, many times faster in 40
and more dimensions, where a KD-tree visits nearly every leaf; "keras" multiplies by Keras (TensorFlow or JAX), on a GPU
where it sees one.
"""

from collections.abc import Callable
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]


class DescriptorIndex:
    """Descriptors that can be searched; each engine's structure is built when it is first used.

    Args:
        descriptors: [M, D] float32, finite.
    """

    def __init__(self, descriptors: Floats) -> None:
        self.descriptors = _checked(descriptors)

    def __len__(self) -> int:
        return len(self.descriptors)

    @cached_property
    def tree(self) -> cKDTree:
        """The KD-tree over the descriptors."""
        return cKDTree(self.descriptors)

    @cached_property
    def augmented(self) -> Floats:
        """[M, D + 2] float32, rows (x, |x|², 1): times (-2q, 1, |q|²) that is |q - x|², in one product."""
        squares = np.einsum("md,md->m", self.descriptors, self.descriptors, dtype=np.float64)
        return np.column_stack([self.descriptors, squares, np.ones(len(self))]).astype(np.float32)

    @cached_property
    def largest_square(self) -> float:
        """The largest |x|²."""
        return float(self.augmented[:, -2].max())

    def neighbors(
        self, queries: Floats, count: int, max_distance: float | None, engine: str
    ) -> tuple[Floats, Integers]:
        """The nearest descriptors of each query, nearest first; all but "kdtree" put equal ones in the order of rows.

        Args:
            queries: [N, D] float32, finite.
            count: K, how many at most.
            max_distance: none farther than this; None sets no limit.
            engine: "exact", "keras" or "kdtree".

        Returns:
            distances [N, K] float32 and rows [N, K] int64; inf and -1 where there is no further neighbour.

        Raises:
            ValueError: the dimensions differ or a value is not finite.
        """
        queries = _checked(queries)
        if queries.shape[1] != self.descriptors.shape[1]:
            raise ValueError(
                f"query descriptors have {queries.shape[1]} dimensions, the index has "
                f"{self.descriptors.shape[1]}: use one extractor for both"
            )
        if not len(queries) or not len(self):
            return np.full((len(queries), count), np.inf, np.float32), np.full((len(queries), count), -1)
        limit = np.inf if max_distance is None else max_distance
        return ENGINES[engine](self, queries, count, limit)


def _checked(descriptors: Floats) -> Floats:
    descriptors = np.ascontiguousarray(descriptors, dtype=np.float32)
    if descriptors.ndim != 2:
        raise ValueError(f"descriptors must be [N, D], got the shape {list(descriptors.shape)}")
    if not np.isfinite(descriptors).all():
        raise ValueError("a descriptor holds a value that is not finite (NaN or infinity); check the extractor")
    return descriptors


def _search_kdtree(index: DescriptorIndex, queries: Floats, count: int, limit: float) -> tuple[Floats, Integers]:
    # The tree keeps what is strictly nearer than its bound; ours includes the limit.
    bound = np.nextafter(limit, np.inf)
    distances, rows = index.tree.query(queries, k=np.arange(1, count + 1), distance_upper_bound=bound)
    rows = np.where(np.isfinite(distances), rows, -1).astype(np.int64)
    return distances.astype(np.float32), rows


# Blocks of the product; of 64 to 512 x 1024 to 8192 the quickest on 1000 x 50,000 real descriptors (benchmarks).
QUERY_BLOCK = 256
INDEX_BLOCK = 8192
# The bounds so far will do while a block leaves no more than K and this many candidates for a query.
_SPARE = 15
# Columns are dealt into at least this many groups times K to bound the K-th smallest number without sorting.
_GROUPS = 32


def search_exact(
    index: DescriptorIndex,
    queries: Floats,
    count: int,
    limit: float,
    query_block: int = QUERY_BLOCK,
    index_block: int = INDEX_BLOCK,
) -> tuple[Floats, Integers]:
    """See `DescriptorIndex.neighbors`; the result does not depend on the sizes of the blocks.

    The float32 product only proposes candidates: everything that rounding could have put among the K nearest.
    Their distances are then computed again from differences in float64, which decide.
    """
    distances = np.full((len(queries), count), np.inf, np.float32)
    rows = np.full((len(queries), count), -1, np.int64)
    for start in range(0, len(queries), query_block):
        block = queries[start : start + query_block]
        candidates = _propose(index, block, count, limit, index_block)
        part = slice(start, start + len(block))
        distances[part], rows[part] = select_nearest(index.descriptors, block, *candidates, count, limit)
    return distances, rows


def _propose(
    index: DescriptorIndex, queries: Floats, count: int, limit: float, index_block: int
) -> tuple[Integers, Integers]:
    """Pairs (query row, index row) that hold every one of the K nearest within the limit, and few others."""
    lifted, slack = lift(queries, index)
    # Beyond 1e18 the square of a limit leaves float32; no descriptor is that long.
    bounds = np.float32(min(limit, 1e18) ** 2) + slack
    smallest = np.full((len(queries), count), np.inf, np.float32)
    found: list[Integers] = []
    for start in range(0, len(index), index_block):
        values = lifted @ index.augmented[start : start + index_block].T
        near = values <= bounds[:, None]
        if np.count_nonzero(near) > (count + _SPARE) * len(queries):
            smallest = np.partition(np.hstack([smallest, fold_minima(values, _GROUPS * count)]), count - 1)[:, :count]
            bounds = np.minimum(bounds, smallest[:, -1] + slack)
            near = values <= bounds[:, None]
        query_rows, columns = np.divmod(np.flatnonzero(near), values.shape[1])
        found.append(np.stack([query_rows, columns + start]))
    query_rows, rows = np.concatenate(found, axis=1)
    return query_rows, rows


def lift(queries: Floats, index: DescriptorIndex, factor_unit: float = 0.0) -> tuple[Floats, Floats]:
    """What `DescriptorIndex.augmented` is multiplied by, and how far rounding can put its products out of order.

    The error of one squared distance, by any order of summation, is (D + 3) units in the last place of the sum of the
    terms' sizes, which (|q| + |x|)² bounds. Twice, because two such numbers are compared.

    Args:
        queries: [N, D] float32.
        index: what is searched; not empty.
        factor_unit: relative rounding error of a factor, where a device multiplies float32 more coarsely.

    Returns:
        [N, D + 2] float32 and [N] float32.
    """
    squares = np.einsum("nd,nd->n", queries, queries, dtype=np.float64)
    units = (queries.shape[1] + 3) * np.finfo(np.float32).eps + 2 * factor_unit
    slack = 2 * units * (np.sqrt(squares) + np.sqrt(index.largest_square)) ** 2
    lifted = np.column_stack([-2 * queries, np.ones_like(squares), squares])
    return lifted.astype(np.float32), slack.astype(np.float32)


def fold_minima(values: Floats, groups: int) -> Floats:
    """Minima of disjoint groups of the columns of [N, M], at least `groups` of them and fewer than twice as many.

    The K-th smallest of the minima is never below the K-th smallest number of the row, and near it; and they are found
    at the speed of memory, where a partition of whole rows takes longer than the product.
    """
    while (width := values.shape[1]) >= 2 * groups:
        half = width // 2
        folded = np.minimum(values[:, :half], values[:, half : 2 * half])
        if width % 2:
            np.minimum(folded[:, :1], values[:, -1:], out=folded[:, :1])
        values = folded
    return values


def select_nearest(
    descriptors: Floats, queries: Floats, query_rows: Integers, rows: Integers, count: int, limit: float
) -> tuple[Floats, Integers]:
    """The K nearest of the proposed pairs, by (distance in float64, row); the one place where distances decide.

    Args:
        descriptors: [M, D] float32.
        queries: [N, D] float32.
        query_rows: [P] int64, the proposed pairs, each once.
        rows: [P] int64.
        count: K.
        limit: none farther than this.

    Returns:
        As `DescriptorIndex.neighbors`.
    """
    differences = queries[query_rows].astype(np.float64) - descriptors[rows]
    exact = np.sqrt(np.einsum("cd,cd->c", differences, differences))
    keep = exact <= limit
    query_rows, rows, exact = query_rows[keep], rows[keep], exact[keep]
    order = np.lexsort((rows, exact, query_rows))
    query_rows, rows, exact = query_rows[order], rows[order], exact[order]
    first = np.searchsorted(query_rows, np.arange(len(queries)))
    rank = np.arange(len(rows)) - first[query_rows]
    near = rank < count
    distances = np.full((len(queries), count), np.inf, np.float32)
    neighbors = np.full((len(queries), count), -1, np.int64)
    distances[query_rows[near], rank[near]] = exact[near]
    neighbors[query_rows[near], rank[near]] = rows[near]
    return distances, neighbors


def _search_keras(index: DescriptorIndex, queries: Floats, count: int, limit: float) -> tuple[Floats, Integers]:
    # Imported here: Keras and its backend take seconds and 800 MB, which only this engine needs.
    from delf_verify.neighbors_keras import search_keras

    return search_keras(index, queries, count, limit)


ENGINES: dict[str, Callable[..., tuple[Floats, Integers]]] = {
    "exact": search_exact,
    "keras": _search_keras,
    "kdtree": _search_kdtree,
}
