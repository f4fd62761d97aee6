"""Nearest descriptors of two images both ways: Lowe's ratio test and the mutual test from one product."""

from typing import NamedTuple

import numpy as np

from delf_verify.neighbors import (
    QUERY_BLOCK,
    DescriptorIndex,
    Floats,
    Integers,
    lift,
    select_nearest,
)

# What was decided in float32 may differ from the float64 decision by this much: relative, of squares.
_FLOAT32_DECISION = np.float32(1e-5)


class NearestPairs(NamedTuple):
    """Query descriptors and their nearest index descriptors, where the tests let them pass.

    Attributes:
        query_rows: [P] int64, ascending, each once.
        rows: [P] int64 of the index; of equally near ones the first.
        distances: [P] float32.
    """

    query_rows: Integers
    rows: Integers
    distances: Floats


def nearest_pairs(
    queries: Floats,
    index: DescriptorIndex,
    *,
    max_distance: float | None,
    ratio: float | None,
    mutual: bool,
    engine: str,
    query_block: int = QUERY_BLOCK,
) -> NearestPairs:
    """Returns the pairs that pass; the same ones for every engine (ties aside) and every size of the blocks.

    Args:
        queries: [N, D] float32, finite.
        index: of the other image.
        max_distance: none farther than this; None sets no limit.
        ratio: the nearest must be closer than this times the second nearest, where there is one; None: no test.
        mutual: the query must be the nearest one of its partner too, the first of equally near ones.
        engine: of `neighbors.ENGINES`. "exact" sorts out most queries by one product that serves both directions, and
            computes distances for the rest alone; the others search twice.
        query_block: queries at once.

    Raises:
        ValueError: the dimensions differ or a value is not finite.
    """
    reverse = DescriptorIndex(queries)
    possible: _Possible | None = None
    limit = max_distance if ratio is None else None
    if engine == "exact" and len(queries) and len(index) and queries.shape[1] == index.descriptors.shape[1]:
        possible = _propose(
            reverse.descriptors, index, max_distance=max_distance, ratio=ratio, mutual=mutual, query_block=query_block
        )
        distances, rows = select_nearest(
            index.descriptors, reverse.descriptors, *possible.pairs, 2, np.inf if limit is None else limit
        )
    else:
        # The second nearest matters to the ratio test wherever it lies, so the limit is applied afterwards.
        distances, rows = index.neighbors(queries, 1 if ratio is None else 2, limit, engine)
    keep = rows[:, 0] >= 0
    if max_distance is not None:
        keep &= distances[:, 0] <= np.float32(max_distance)
    if ratio is not None:
        keep &= distances[:, 0] < np.float32(ratio) * distances[:, 1]
    kept = np.flatnonzero(keep)
    if mutual and possible is not None:
        kept = kept[distances[kept, 0] ** 2 <= possible.column_bounds[rows[kept, 0]]]
    if mutual and len(kept):
        partners, positions = np.unique(rows[kept, 0], return_inverse=True)
        _, back = reverse.neighbors(index.descriptors[partners], 1, None, engine)
        kept = kept[back[positions, 0] == kept]
    return NearestPairs(kept, rows[kept, 0], distances[kept, 0])


class _Possible(NamedTuple):
    """What a float32 product leaves to be decided.

    Attributes:
        pairs: query rows and index rows [P] int64. Of each query that may pass, its nearest and the second nearest are
            among them (without a ratio the nearest alone); of others nothing.
        column_bounds: [M] float32; a query whose squared distance to a column is above this is surely not its nearest.
    """

    pairs: tuple[Integers, Integers]
    column_bounds: Floats


def _propose(
    queries: Floats,
    index: DescriptorIndex,
    *,
    max_distance: float | None,
    ratio: float | None,
    mutual: bool,
    query_block: int,
) -> _Possible:
    columns = np.full(len(index), np.inf, np.float32)
    limit = np.float32(min(max_distance or np.inf, 1e18)) ** 2 * (1 + _FLOAT32_DECISION)
    found: list[Integers] = []
    for start in range(0, len(queries), query_block):
        block = queries[start : start + query_block]
        lifted, slack = lift(block, index)
        values = lifted @ index.augmented.T
        if mutual:
            # The slack of this block's queries: a column's smallest value may be one of theirs.
            np.minimum(columns, values.min(axis=0) + slack.max(), out=columns)
        partners, nearest, second = _two_smallest(values)
        may_pass = nearest - slack <= limit
        if ratio is None:
            bound = nearest + slack
            alone = may_pass & (second > bound)
            rows = np.flatnonzero(alone)
            found.append(np.stack([rows + start, partners[rows]]))
            may_pass &= ~alone
        else:
            bound = second + slack
            may_pass &= nearest - slack <= np.float32(ratio) ** 2 * (1 + _FLOAT32_DECISION) * bound
        rows = np.flatnonzero(may_pass)
        near = values[rows] <= bound[rows, None]
        some, others = np.divmod(np.flatnonzero(near), len(index))
        found.append(np.stack([rows[some] + start, others]))
    query_rows, index_rows = np.concatenate(found, axis=1)
    return _Possible((query_rows, index_rows), columns)


def _two_smallest(values: Floats) -> tuple[Integers, Floats, Floats]:
    """Of each row of [N, M] the place of the smallest number, that number, and the second smallest (or infinity).

    By finding the smallest twice: NumPy does that at the speed of memory, and a partition takes longer than the
    product.
    """
    rows = np.arange(len(values))
    places = values.argmin(axis=1)
    smallest = values[rows, places]
    values[rows, places] = np.inf
    second = values[rows, values.argmin(axis=1)]
    values[rows, places] = smallest
    return places, smallest, second
