import numpy as np
import pytest

from delf_verify import neighbors
from delf_verify.neighbors import DescriptorIndex

# Of "keras", which takes seconds to load, test_neighbors_keras.py sees that it gives what "exact" does.
ENGINES = ("exact", "kdtree")


def slow_neighbors(queries, descriptors, count, limit):
    """The definition, one query and one descriptor at a time, in float64."""
    distances, rows = np.full((len(queries), count), np.inf), np.full((len(queries), count), -1)
    for i, query in enumerate(queries.astype(np.float64)):
        near = sorted(
            (float(np.sqrt(sum((query - other) ** 2))), j) for j, other in enumerate(descriptors.astype(np.float64))
        )
        for rank, (distance, j) in enumerate([pair for pair in near if pair[0] <= limit][:count]):
            distances[i, rank], rows[i, rank] = distance, j
    return distances, rows


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("count", "limit"), [(1, None), (2, None), (10, None), (10, 1.1), (1, 0.9), (60, None)])
def test_against_the_definition(make_features, engine: str, count: int, limit: float | None) -> None:
    queries, index = make_features(40, 8, seed=1).descriptors, make_features(50, 8, seed=2).descriptors
    distances, rows = DescriptorIndex(index).neighbors(queries, count, limit, engine)
    expected = slow_neighbors(queries, index, count, np.inf if limit is None else limit)
    np.testing.assert_array_equal(rows, expected[1])
    np.testing.assert_allclose(distances, expected[0], rtol=1e-6)
    assert distances.dtype == np.float32
    assert rows.dtype == np.int64


@pytest.mark.parametrize("limit", [np.inf, 1.2, 0.5])
def test_the_sizes_of_the_blocks_do_not_matter(make_features, limit: float) -> None:
    queries, index = make_features(97, 40).descriptors, DescriptorIndex(make_features(1013, 40).descriptors)
    expected = neighbors.search_exact(index, queries, 7, limit, 97, 1013)
    for query_block, index_block in ((1, 1013), (97, 1), (10, 3), (64, 64), (32, 500), (1000, 5000)):
        found = neighbors.search_exact(index, queries, 7, limit, query_block, index_block)
        np.testing.assert_array_equal(found[0], expected[0])
        np.testing.assert_array_equal(found[1], expected[1])


def test_equal_distances_come_in_the_order_of_rows(make_features) -> None:
    """Every descriptor occurs 30 times: the K-th and the next are equal, whatever the rounding of the product."""
    some = make_features(20, 40).descriptors
    index = DescriptorIndex(np.tile(some, (30, 1)))
    for index_block in (7, 600):
        distances, rows = neighbors.search_exact(index, some, 5, np.inf, 8, index_block)
        np.testing.assert_array_equal(rows, np.arange(20)[:, None] + 20 * np.arange(5))
        np.testing.assert_array_equal(distances, np.zeros((20, 5)))


@pytest.mark.parametrize("kind", ["lattice", "duplicates", "all_equal", "zeros", "tiny"])
@pytest.mark.parametrize("limit", [None, 1.0, 2.0])
def test_the_distances_of_the_kd_tree_where_many_are_equal(kind: str, limit: float | None) -> None:
    """Which of equally near rows are named is free to the tree; how far they are is not, and ours are the first."""
    rng = np.random.default_rng(0)
    rows = {
        # Whole numbers: the limits 1 and 2 are distances that occur often.
        "lattice": rng.integers(0, 3, (700, 6)),
        "duplicates": np.repeat(rng.normal(size=(11, 40)) / 4, 60, axis=0),
        "all_equal": np.ones((300, 8)),
        "zeros": np.zeros((40, 3)),
        "tiny": rng.normal(size=(3, 2)) * 1e-20,
    }[kind].astype(np.float32)
    index, queries = DescriptorIndex(rows), rng.permutation(rows)[:50]
    distances, found = index.neighbors(queries, 7, limit, "exact")
    expected, _ = index.neighbors(queries, 7, limit, "kdtree")
    np.testing.assert_allclose(distances, expected, rtol=1e-6, atol=1e-12)
    assert (found == slow_neighbors(queries, rows, 7, np.inf if limit is None else limit)[1]).all()
    for query_block, index_block in ((1, 700), (50, 1), (7, 64)):
        other = neighbors.search_exact(index, queries, 7, np.inf if limit is None else limit, query_block, index_block)
        np.testing.assert_array_equal(other[1], found)


def test_cancellation_does_not_change_the_neighbors() -> None:
    """Far from the origin |q|² - 2 q·x + |x|² in float32 is all rounding: the differences decide."""
    rng = np.random.default_rng(0)
    index = (1000 + rng.normal(size=(300, 16))).astype(np.float32)
    queries = index[:50] + rng.normal(scale=1e-3, size=(50, 16)).astype(np.float32)
    _, rows = DescriptorIndex(index).neighbors(queries, 3, 20.0, "exact")
    _, expected = DescriptorIndex(index).neighbors(queries, 3, 20.0, "kdtree")
    np.testing.assert_array_equal(rows[:, 0], np.arange(50))
    np.testing.assert_array_equal(rows, expected)


def test_the_limit_is_included() -> None:
    index = DescriptorIndex(np.array([[3, 4], [0, 6]], np.float32))
    for engine in ENGINES:
        distances, rows = index.neighbors(np.zeros((1, 2), np.float32), 2, 5.0, engine)
        assert distances.tolist() == [[5.0, np.inf]]
        assert rows.tolist() == [[0, -1]]


def test_a_huge_limit_is_no_limit(make_features) -> None:
    index = DescriptorIndex(make_features(20).descriptors)
    far = index.neighbors(make_features(5).descriptors, 3, 1e30, "exact")
    np.testing.assert_array_equal(far[1], index.neighbors(make_features(5).descriptors, 3, None, "exact")[1])


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("num_queries", "num_index"), [(0, 5), (5, 0), (0, 0), (1, 1)])
def test_few_or_none(make_features, engine: str, num_queries: int, num_index: int) -> None:
    index = DescriptorIndex(make_features(num_index).descriptors)
    distances, rows = index.neighbors(make_features(num_queries).descriptors, 4, None, engine)
    assert distances.shape == rows.shape == (num_queries, 4)
    assert (rows >= 0).sum() == min(num_queries, 1) * num_index


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused(make_features, bad: float) -> None:
    descriptors = make_features(3).descriptors.copy()
    descriptors[1, 2] = bad
    with pytest.raises(ValueError, match="not finite"):
        DescriptorIndex(descriptors)
    with pytest.raises(ValueError, match="not finite"):
        DescriptorIndex(make_features(3).descriptors).neighbors(descriptors, 1, None, "exact")


def test_other_dimensions_are_refused(make_features) -> None:
    with pytest.raises(ValueError, match="query descriptors have 8 dimensions, the index has 16"):
        DescriptorIndex(make_features(3, 16).descriptors).neighbors(make_features(3, 8).descriptors, 1, None, "exact")
    with pytest.raises(ValueError, match=r"must be \[N, D\], got the shape \[3\]"):
        DescriptorIndex(np.zeros(3, np.float32))


@pytest.mark.real_data
@pytest.mark.parametrize("size", [40, 128])
@pytest.mark.parametrize("limit", [0.8, None])
def test_both_engines_agree_on_real_root_sift(photograph_features, size: int, limit: float | None) -> None:
    from delf_verify.pca import Pca

    every = np.concatenate([features.descriptors for features in photograph_features])
    if size < every.shape[1]:
        every = Pca.fit(every, size).project(every)
    queries, index = every[:600], DescriptorIndex(every[600:])
    distances, rows = index.neighbors(queries, 10, limit, "exact")
    expected_distances, expected_rows = index.neighbors(queries, 10, limit, "kdtree")
    np.testing.assert_allclose(distances, expected_distances, rtol=1e-6)
    differing = rows != expected_rows
    # Ties aside: where the rows differ, both have a neighbour of the same distance next to it.
    tied = np.zeros_like(differing)
    close = np.isclose(distances[:, 1:], distances[:, :-1], rtol=1e-6, atol=0)
    tied[:, 1:] |= close
    tied[:, :-1] |= close
    tied[:, -1] = True
    assert not (differing & ~tied).any()
    assert differing.mean() < 0.01
