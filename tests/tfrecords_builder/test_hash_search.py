import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfrecords_builder import hash_search
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


def by_smallest_row(groups: np.ndarray) -> list[int]:
    _, first, places = np.unique(groups, return_index=True, return_inverse=True)
    return first[places].tolist()


def around(center: int, count: int, bits: int, rng: np.random.Generator) -> np.ndarray:
    """Hashes that differ from one in at most so many bits."""
    hashes = np.full(count, center, np.uint64)
    for _ in range(bits):
        hashes ^= np.uint64(1) << rng.integers(0, 64, count).astype(np.uint64)
    return hashes


@pytest.mark.parametrize("distance", [0, 1, 3, 6, 10])
@pytest.mark.parametrize("distinct_bits", [64, 20])
def test_the_same_groups_as_comparing_all(distance, distinct_bits):
    rng = np.random.default_rng(distance)
    hashes = rng.integers(0, 2**distinct_bits - 1, 150, dtype=np.uint64) << np.uint64(64 - distinct_bits)
    hashes = np.concatenate([hashes, flip(hashes[:40], max(1, distance), rng), hashes[:10]])
    found = near_groups(hashes, distance)
    assert by_smallest_row(found) == groups_by_comparing_all(hashes, distance)


@settings(deadline=None, max_examples=30)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 10),
    st.lists(st.tuples(st.integers(1, 60), st.integers(0, 12)), min_size=1, max_size=5),
    st.integers(1, 64),
    st.booleans(),
)
def test_bursts_give_the_same_groups_as_comparing_all(seed, distance, bursts, distinct_bits, is_divided):
    # Balls of hashes around some centers, among hashes that differ in some bits only.
    rng = np.random.default_rng(seed)
    centers = rng.integers(0, 2**64 - 1, len(bursts), dtype=np.uint64)
    balls = [around(int(center), *burst, rng) for center, burst in zip(centers, bursts, strict=True)]
    hashes = np.concatenate([*balls, rng.integers(0, 2**distinct_bits - 1, 60, dtype=np.uint64, endpoint=True)])
    rng.shuffle(hashes)
    with pytest.MonkeyPatch.context() as patch:
        # So few hashes are no burst otherwise; without trials a burst is divided by tables of its own.
        patch.setattr(hash_search, "_MANY", 4)
        patch.setattr(hash_search, "_FEW", 8)
        patch.setattr(hash_search, "_TRIALS", 0 if is_divided else 64)
        patch.setattr(hash_search, "_WORTH_OF_JOINING", 1 if is_divided else 1500)
        found = near_groups(hashes, distance)
    assert by_smallest_row(found) == groups_by_comparing_all(hashes, distance)


@pytest.mark.slow
@pytest.mark.parametrize("bits", [0, 2, 6])
def test_half_of_200_000_hashes_nearly_equal(bits):
    rng = np.random.default_rng(bits)
    others = rng.integers(0, 2**64 - 1, 100_000, dtype=np.uint64)
    started = time.process_time()
    found = near_groups(np.concatenate([around(int(others[0]), 100_000, bits, rng), others]), 6)
    # 5,000,000,000 pairs one by one took minutes.
    assert time.process_time() - started < 30
    assert len(np.unique(found[:100_000])) == 1
    assert len(np.unique(found)) > 99_990


def test_many_hashes_of_few_bits():
    # 20,000 of the 2^30 hashes that 30 bits allow meet in many entries of every table without being near.
    rng = np.random.default_rng(0)
    hashes = np.concatenate(
        [rng.integers(0, 2**30, 20_000, dtype=np.uint64), rng.integers(0, 2**64 - 1, 20_000, dtype=np.uint64)]
    )
    found = near_groups(hashes, 3)
    sample = rng.choice(20_000, 300, replace=False)
    first, second = np.nonzero(distances(hashes[sample][:, None], hashes) <= 3)
    assert (found[sample[first]] == found[second]).all()


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
