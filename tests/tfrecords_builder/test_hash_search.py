import numpy as np
import pytest

from tfrecords_builder.hash_search import near_groups
from tfrecords_builder.perceptual_hash import distances


def flip(hashes: np.ndarray, bits: int, rng: np.random.Generator) -> np.ndarray:
    flipped = hashes.copy()
    for row in range(len(hashes)):
        for bit in rng.choice(64, bits, replace=False):
            flipped[row] ^= np.uint64(1) << np.uint64(bit)
    return flipped


def groups_by_comparing_all(hashes: np.ndarray, distance: int) -> list[int]:
    """Smallest row reachable in steps of at most the distance."""
    near = distances(hashes[:, None], hashes[None]) <= distance
    groups = np.arange(len(hashes))
    while True:
        smallest = np.where(near, groups[None], len(hashes)).min(axis=1)
        if (smallest == groups).all():
            return groups.tolist()
        groups = smallest


@pytest.mark.parametrize("distance", [0, 1, 3, 6, 10])
@pytest.mark.parametrize("distinct_bits", [64, 20])
def test_the_same_groups_as_comparing_all(distance, distinct_bits):
    rng = np.random.default_rng(distance)
    hashes = rng.integers(0, 2**distinct_bits - 1, 150, dtype=np.uint64) << np.uint64(64 - distinct_bits)
    hashes = np.concatenate([hashes, flip(hashes[:40], max(1, distance), rng), hashes[:10]])
    found = near_groups(hashes, distance)
    _, first = np.unique(found, return_index=True)
    smallest = dict(zip(found[np.sort(first)].tolist(), np.sort(first).tolist(), strict=True))
    assert [smallest[group] for group in found.tolist()] == groups_by_comparing_all(hashes, distance)


@pytest.mark.parametrize("distance", [1, 4, 6])
def test_no_pair_within_the_distance_is_missed(distance):
    rng = np.random.default_rng(distance)
    hashes = rng.integers(0, 2**64 - 1, 20_000, dtype=np.uint64)
    found = near_groups(np.concatenate([hashes, flip(hashes[:500], distance, rng)]), distance)
    assert (found[:500] == found[20_000:]).all()


def test_a_chain_is_one_group():
    chain = np.array([0, 0b11, 0b1111, 0b111111, 2**63 + 2**62 + 2**61], np.uint64)
    assert len(set(near_groups(chain, 2)[:4].tolist())) == 1
    assert len(set(near_groups(chain, 2).tolist())) == 2


def test_none_and_one():
    assert near_groups(np.empty(0, np.uint64), 6).tolist() == []
    assert near_groups(np.zeros(1, np.uint64), 6).tolist() == [0]
    assert near_groups(np.zeros(5, np.uint64), 6).tolist() == [0] * 5


def test_a_distance_beyond_its_range_is_refused():
    with pytest.raises(ValueError, match="max_distance=11: choose 0 to 10 of 64 bits"):
        near_groups(np.zeros(2, np.uint64), 11)
