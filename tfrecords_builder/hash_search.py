"""Groups 64-bit hashes that are within a Hamming distance, directly or by a chain, without comparing each with each.

Pigeonhole: cut the bits that vary into d + r bands. Two hashes that differ in at most d bits agree in at least r bands,
so that they meet in the table of one choice of r bands. Larger r gives more tables with fewer chance meetings; the r
that costs least for the number of hashes is taken. Equal hashes are compared once, as one.

Real catalogues have bursts (black photographs, one scan a thousand times), whose hashes all meet in the same entry of
a table. Only groups are wanted, not pairs: in such an entry a hash that has joined a group is not compared with that
group again, and where an entry holds many hashes that do not join, it is divided by tables of its own.
"""

import itertools
import math

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from tfrecords_builder.perceptual_hash import BITS, distances

MAX_DISTANCE = 10
# What sorting one hash costs in comparisons of two; measured, and of little influence.
_SORTING_COST = 60.0
# An entry of more hashes than this, and than so many times the expected number, is handled as a burst.
_MANY = 64
_TIMES_EXPECTED = 8
# What a larger burst may cost in comparisons before it is divided: for each hash, and for each that joined a group.
_TRIALS = 64
_WORTH_OF_JOINING = 1500
# So few are then compared each with each: that costs less than more tables.
_FEW = 1024
_COMPARED_AT_ONCE = 2**16
# Entries of one group are looked for once one hash in so many has joined another.
_WORTH_SKIPPING = 16


def near_groups(hashes: np.ndarray, max_distance: int) -> np.ndarray:
    """Returns the group of each hash: int64 [N]; chains of hashes within the distance of the next are one group.

    Args:
        hashes: uint64 [N].
        max_distance: bits in which neighbours may differ, 0 to MAX_DISTANCE.

    Raises:
        ValueError: the distance is out of its range.
    """
    if not 0 <= max_distance <= MAX_DISTANCE:
        raise ValueError(f"max_distance={max_distance}: choose 0 to {MAX_DISTANCE} of {BITS} bits")
    distinct, places = np.unique(hashes, return_inverse=True)
    if not max_distance or len(distinct) < 2:
        return places.astype(np.int64)
    search = _Search(distinct, max_distance)
    search.join(np.arange(len(distinct)))
    return search.groups()[places]


class _Search:
    """Groups that grow while hashes are compared; every hash points at another one of its group or, one, at itself."""

    def __init__(self, hashes: np.ndarray, max_distance: int) -> None:
        """Starts with each hash alone: uint64 [N], none twice."""
        self._hashes = hashes
        self._distance = max_distance
        self._parents = np.arange(len(hashes))
        self._joined = 0

    def groups(self) -> np.ndarray:
        """Returns the group of each hash: int64 [N]."""
        return self._roots(np.arange(len(self._hashes)))

    def join(self, rows: np.ndarray) -> None:
        """Joins all hashes that are within the distance of each other among `rows`, int64 [M]."""
        hashes = self._hashes[rows]
        bits, information = _information(hashes)
        if len(bits) <= self._distance:
            self._merge(np.stack([rows[:-1], rows[1:]]))
            return
        matches, expected = _cheapest_matches(len(rows), self._distance, len(bits), float(information.sum()))
        # Dealt out from the most telling bit on, so that every band tells as many hashes apart.
        dealt = bits[np.argsort(-information, kind="stable")]
        count = self._distance + matches
        bands = [sum(1 << bit for bit in dealt[band::count].tolist()) for band in range(count)]
        many = min(_FEW // 2, max(_MANY, int(_TIMES_EXPECTED * expected)))
        for chosen in itertools.combinations(bands, matches):
            keys = hashes & np.uint64(sum(chosen))
            order = np.argsort(keys)
            self._join_table(keys[order], rows[order], many)

    def _join_table(self, keys: np.ndarray, rows: np.ndarray, many: int) -> None:
        starts, sizes = _entries(keys)
        if self._joined * _WORTH_SKIPPING > len(self._hashes):
            # Entries whose hashes are of one group already have nothing to add.
            roots = self._roots(rows)
            is_open = np.minimum.reduceat(roots, starts) != np.maximum.reduceat(roots, starts)
            is_kept = np.repeat(is_open, sizes)
            keys, rows = keys[is_kept], rows[is_kept]
            starts, sizes = _entries(keys)
        is_burst = np.repeat(sizes > many, sizes)
        self._join_small_entries(keys[~is_burst], rows[~is_burst])
        for start, size in zip(starts[sizes > many].tolist(), sizes[sizes > many].tolist(), strict=True):
            self._join_burst(rows[start : start + size])

    def _join_small_entries(self, keys: np.ndarray, rows: np.ndarray) -> None:
        # Every row with the next, then with the one after it, and so on for as long as an entry holds that many.
        hashes = self._hashes[rows]
        left = np.arange(len(keys))
        for shift in itertools.count(1):
            left = left[left + shift < len(keys)]
            left = left[keys[left] == keys[left + shift]]
            if not left.size:
                return
            near = left[distances(hashes[left], hashes[left + shift]) <= self._distance]
            if near.size:
                self._merge(np.stack([rows[near], rows[near + shift]]))

    def _join_burst(self, rows: np.ndarray) -> None:
        _, groups, sizes = np.unique(self._roots(rows), return_inverse=True, return_counts=True)
        if len(sizes) == 1:
            return
        # Small groups first: the largest one then need not be compared with anything again.
        left = rows if len(rows) <= _FEW else self._grow(rows[np.lexsort((groups, sizes[groups]))])
        if len(left) > _FEW:
            self.join(left)
            return
        hashes, roots = self._hashes[left], self._roots(left)
        near = (distances(hashes[:, None], hashes) <= self._distance) & (roots[:, None] != roots)
        self._merge(left[np.stack(np.nonzero(near))])

    def _grow(self, rows: np.ndarray) -> np.ndarray:
        """Joins rows group by group: who has joined is compared with those outside only.

        Returns:
            The rows that are not compared with all others, int64 [K]; none unless it would cost too much.
        """
        hashes = self._hashes[rows]
        roots, groups = np.unique(self._roots(rows), return_inverse=True)
        outside = np.arange(len(rows))
        budget = _TRIALS * len(rows)
        while outside.size:
            group = groups[outside[0]]
            inside = outside[groups[outside] == group]
            outside = outside[groups[outside] != group]
            while inside.size and outside.size:
                if budget < 0:
                    return rows[np.concatenate([inside, outside])]
                tried, inside = np.split(inside, [max(1, _COMPARED_AT_ONCE // outside.size)])
                near = (distances(hashes[tried][:, None], hashes[outside]) <= self._distance).any(axis=0)
                is_met = np.zeros(len(roots), bool)
                is_met[groups[outside[near]]] = True
                self._parents[roots[is_met]] = roots[group]
                self._joined += int(is_met.sum())
                joins = is_met[groups[outside]]
                budget += _WORTH_OF_JOINING * int(joins.sum()) - tried.size * outside.size
                inside = np.concatenate([inside, outside[joins]])
                outside = outside[~joins]
        return outside

    def _roots(self, rows: np.ndarray) -> np.ndarray:
        roots = self._parents[rows]
        while True:
            above = self._parents[roots]
            if (above == roots).all():
                self._parents[rows] = roots
                return roots
            roots = above

    def _merge(self, pairs: np.ndarray) -> None:
        """Makes one group of those of each pair, int64 [2, M]."""
        ends = np.stack([self._roots(pairs[0]), self._roots(pairs[1])])
        ends = ends[:, ends[0] != ends[1]]
        if not ends.size:
            return
        roots, places = np.unique(ends, return_inverse=True)
        first, second = places.reshape(2, -1)
        graph = coo_array((np.ones(len(first), bool), (first, second)), shape=(len(roots),) * 2)
        count, merged = connected_components(graph, directed=False)
        _, representatives = np.unique(merged, return_index=True)
        self._parents[roots] = roots[representatives[merged]]
        self._joined += len(roots) - count


def _entries(keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns where runs of equal keys start and how long they are: int64 [E] each."""
    starts = np.flatnonzero(np.concatenate([np.ones(min(1, len(keys)), bool), keys[1:] != keys[:-1]]))
    return starts, np.diff(starts, append=len(keys))


def _information(hashes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the bits that vary, int64 [B], and how much each tells hashes apart, float64 [B], 1 for an even one.

    Of two hashes a bit of share p is equal with probability p^2 + (1 - p)^2; minus its binary logarithm is returned.
    """
    shares = np.array([np.count_nonzero(hashes & np.uint64(1 << bit)) for bit in range(BITS)]) / len(hashes)
    bits = np.flatnonzero((shares > 0) & (shares < 1))
    return bits, -np.log2(shares[bits] ** 2 + (1 - shares[bits]) ** 2)


def _cheapest_matches(count: int, max_distance: int, bits: int, information: float) -> tuple[int, float]:
    """Returns in how many bands to ask for equality, and how many hashes an entry of a table then has by chance."""

    def expected(matches: int) -> float:
        return count / 2 ** (matches * information / (max_distance + matches))

    def cost(matches: int) -> float:
        return math.comb(max_distance + matches, matches) * count * (_SORTING_COST + expected(matches) / 2)

    best = min(range(1, min(4, bits - max_distance) + 1), key=cost)
    return best, expected(best)
