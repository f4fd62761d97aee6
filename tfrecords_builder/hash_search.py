"""Finds all pairs of 64-bit hashes within a Hamming distance, without comparing each with each, and groups them.

Pigeonhole: cut 64 bits into d + r bands. Two hashes that differ in at most d bits agree in at least r bands, so that
they meet in the table of one choice of r bands. Larger r gives more tables with fewer chance meetings; the r that
costs least for the number of hashes is taken. Equal hashes are compared once, as one.
"""

import itertools
import math
from collections.abc import Iterator

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from tfrecords_builder.perceptual_hash import BITS, distances

MAX_DISTANCE = 10
# What sorting one hash costs in comparisons of two; measured, and of little influence.
_SORTING_COST = 60.0


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
    pairs = [np.empty((2, 0), np.int64), *_near_pairs(distinct, max_distance)]
    first, second = np.concatenate(pairs, axis=1)
    graph = coo_array((np.ones(len(first), bool), (first, second)), shape=(len(distinct),) * 2)
    _, groups = connected_components(graph, directed=False)
    return groups[places].astype(np.int64)


def _near_pairs(hashes: np.ndarray, max_distance: int) -> Iterator[np.ndarray]:
    """Yields pairs of rows within the distance, int64 [2, M] at a time; a pair may come several times."""
    matches = _cheapest_matches(len(hashes), max_distance)
    bands = np.array_split(np.arange(BITS, dtype=np.uint64), max_distance + matches)
    masks = [int(sum(1 << int(bit) for bit in band)) for band in bands]
    for chosen in itertools.combinations(masks, matches):
        keys = hashes & np.uint64(sum(chosen))
        order = np.argsort(keys)
        yield from _pairs_of_equal_keys(hashes[order], keys[order], order, max_distance)


def _pairs_of_equal_keys(
    hashes: np.ndarray, keys: np.ndarray, rows: np.ndarray, max_distance: int
) -> Iterator[np.ndarray]:
    # Every row with the next, then with the one after it, and so on for as long as a table entry holds that many.
    left = np.arange(len(keys))
    for shift in itertools.count(1):
        left = left[left + shift < len(keys)]
        left = left[keys[left] == keys[left + shift]]
        if not left.size:
            return
        near = left[distances(hashes[left], hashes[left + shift]) <= max_distance]
        yield np.stack([rows[near], rows[near + shift]])


def _cheapest_matches(count: int, max_distance: int) -> int:
    def cost(matches: int) -> float:
        bands = max_distance + matches
        key_bits = matches * (BITS // bands)
        return math.comb(bands, matches) * count * (_SORTING_COST + count / 2 / 2**key_bits)

    return min(range(1, 5), key=cost)
