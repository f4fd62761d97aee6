import numpy as np
import pytest

from delf_verify.neighbors import DescriptorIndex
from delf_verify.pair_neighbors import NearestPairs, nearest_pairs

TESTS = [(None, None), (None, 0.9), (None, 0.6), (0.7, None), (0.7, 0.95)]


def slow_pairs(queries, index, max_distance, ratio, mutual) -> list[tuple[int, int]]:
    """The definition, one query at a time, in float64; of equally near ones the first."""
    pairs = []
    queries, index = queries.astype(np.float64), index.astype(np.float64)
    for i, query in enumerate(queries):
        distances = np.sqrt(((index - query) ** 2).sum(axis=1))
        j, others = int(distances.argmin()), np.delete(distances, distances.argmin())
        if max_distance is not None and distances[j] > max_distance:
            continue
        if ratio is not None and len(others) and not distances[j] < ratio * others.min():
            continue
        if mutual and ((queries - index[j]) ** 2).sum(axis=1).argmin() != i:
            continue
        pairs.append((i, j))
    return pairs


def as_rows(found: NearestPairs) -> list[tuple[int, int]]:
    return list(zip(found.query_rows.tolist(), found.rows.tolist(), strict=True))


@pytest.mark.parametrize("engine", ["exact", "kdtree"])
@pytest.mark.parametrize("mutual", [False, True])
@pytest.mark.parametrize(("max_distance", "ratio"), TESTS)
@pytest.mark.parametrize(("num_queries", "num_index", "size"), [(70, 333, 5), (300, 50, 4), (40, 2, 3), (30, 1, 3)])
def test_against_the_definition(
    make_features, engine, mutual, max_distance, ratio, num_queries, num_index, size
) -> None:
    queries, index = make_features(num_queries, size, 1).descriptors, make_features(num_index, size, 2).descriptors
    settings = {"max_distance": max_distance, "ratio": ratio, "mutual": mutual}
    found = nearest_pairs(queries, DescriptorIndex(index), engine=engine, **settings)
    expected = slow_pairs(queries, index, **settings)
    assert as_rows(found) == expected
    exact = np.linalg.norm(queries[found.query_rows] - index[found.rows], axis=1)
    np.testing.assert_allclose(found.distances, exact, rtol=1e-5)


def noisy_copies(count: int, copies: int, size: int, noise: float) -> tuple[np.ndarray, np.ndarray]:
    """Descriptors of which every one occurs several times, and others near them."""
    rng = np.random.default_rng(count)
    some = rng.normal(size=(count, size)).astype(np.float32)
    index = np.tile(some, (copies, 1))
    return index + rng.normal(scale=noise, size=index.shape).astype(np.float32), index


@pytest.mark.parametrize("noise", [0.0, 1e-7, 1e-3])
@pytest.mark.parametrize(("max_distance", "ratio"), TESTS)
@pytest.mark.parametrize("offset", [0, 100])
def test_equal_and_nearly_equal_distances(noise: float, max_distance, ratio, offset: int) -> None:
    """Rounding of the product must not decide; far from the origin the product is all rounding."""
    queries, index = noisy_copies(23, 6, 40, noise)
    queries, index = queries + np.float32(offset), index + np.float32(offset)
    for mutual in (False, True):
        settings = {"max_distance": max_distance, "ratio": ratio, "mutual": mutual}
        found = nearest_pairs(queries, DescriptorIndex(index), engine="exact", **settings)
        assert as_rows(found) == slow_pairs(queries, index, **settings)


@pytest.mark.parametrize(("max_distance", "ratio"), TESTS)
def test_the_size_of_the_blocks_does_not_matter(make_features, max_distance, ratio) -> None:
    queries, index = make_features(97, 16, 1).descriptors, DescriptorIndex(make_features(203, 16, 2).descriptors)
    settings = {"max_distance": max_distance, "ratio": ratio, "mutual": True, "engine": "exact"}
    expected = nearest_pairs(queries, index, **settings, query_block=97)
    for query_block in (1, 10, 64, 1000):
        found = nearest_pairs(queries, index, **settings, query_block=query_block)
        for ours, whole in zip(found, expected, strict=True):
            np.testing.assert_array_equal(ours, whole)


def test_all_descriptors_equal() -> None:
    same = np.ones((5, 4), np.float32)
    found = nearest_pairs(same, DescriptorIndex(same), max_distance=None, ratio=None, mutual=True, engine="exact")
    assert as_rows(found) == [(0, 0)]
    found = nearest_pairs(same, DescriptorIndex(same), max_distance=None, ratio=0.9, mutual=False, engine="exact")
    assert as_rows(found) == []


def test_long_descriptors_and_huge_limits() -> None:
    """Squares near the end of float32 and a limit beyond it."""
    queries = np.array([[1e15, 0], [0, 1e15]], np.float32)
    index = DescriptorIndex(np.array([[0, 1e15], [1e15, 1e14]], np.float32))
    found = nearest_pairs(queries, index, max_distance=1e30, ratio=0.9, mutual=True, engine="exact")
    assert as_rows(found) == [(0, 1), (1, 0)]


@pytest.mark.real_data
@pytest.mark.parametrize("ratio", [None, 0.8, 0.9])
def test_engines_agree_on_real_root_sift(photograph_features, ratio: float | None) -> None:
    queries, total = photograph_features[0].descriptors, 0
    for other in photograph_features[1:4]:
        index = DescriptorIndex(other.descriptors)
        ours, tree = (
            set(
                as_rows(nearest_pairs(queries, index, max_distance=None, ratio=ratio, mutual=True, engine=engine)),
            )
            for engine in ("exact", "kdtree")
        )
        total += len(ours)
        assert len(ours ^ tree) <= 0.01 * len(ours)
    assert total > 20
