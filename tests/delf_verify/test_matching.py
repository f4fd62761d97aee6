from dataclasses import replace

import numpy as np
import pytest

from delf_verify.features import LocalFeatures
from delf_verify.matching import AggregatedIndex, MatchingConfig, PutativeMatches, match_pair

ENGINES = ("exact", "kdtree")


def as_rows(matches: PutativeMatches) -> list[tuple[int, int]]:
    return list(zip(matches.query_indices.tolist(), matches.index_indices.tolist(), strict=True))


def slow_pair(query, index, config: MatchingConfig) -> list[tuple[int, int]]:
    """The definition of `match_pair`, one feature at a time."""
    matches = []
    for i, descriptor in enumerate(query.descriptors.astype(np.float64)):
        distances = np.sqrt(((index.descriptors.astype(np.float64) - descriptor) ** 2).sum(axis=1))
        order = np.argsort(distances, kind="stable")
        j = order[0]
        if config.max_distance is not None and distances[j] > config.max_distance:
            continue
        if config.ratio is not None and len(order) > 1 and not distances[j] < config.ratio * distances[order[1]]:
            continue
        back = ((query.descriptors.astype(np.float64) - index.descriptors[j].astype(np.float64)) ** 2).sum(axis=1)
        if config.mutual and back.argmin() != i:
            continue
        matches.append((i, int(j)))
    return matches


def slow_aggregated(query, features_list, config: MatchingConfig) -> list[list[tuple[int, int]]]:
    """Noh et al.'s aggregated index, one query feature at a time."""
    owners = [(image, row) for image, features in enumerate(features_list) for row in range(len(features))]
    everything = np.concatenate([features.descriptors for features in features_list]).astype(np.float64)
    grouped: list[list[tuple[int, int]]] = [[] for _ in features_list]
    for i, descriptor in enumerate(query.descriptors.astype(np.float64)):
        distances = np.sqrt(((everything - descriptor) ** 2).sum(axis=1))
        seen = set()
        for j in np.argsort(distances, kind="stable")[: config.num_neighbors]:
            image, row = owners[j]
            if distances[j] <= (config.max_distance or np.inf) and image not in seen:
                seen.add(image)
                grouped[image].append((i, row))
    return grouped


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("max_distance", [None, 0.6])
@pytest.mark.parametrize("ratio", [None, 0.9])
@pytest.mark.parametrize("mutual", [False, True])
def test_pair_against_the_definition(make_features, engine, max_distance, ratio, mutual) -> None:
    config = MatchingConfig(engine=engine, max_distance=max_distance, ratio=ratio, mutual=mutual)
    query, index = make_features(60, 4, seed=1), make_features(70, 4, seed=2)
    matches = match_pair(query, index, config)
    assert as_rows(matches) == slow_pair(query, index, config)
    assert 0 < len(matches) <= 60
    exact = np.linalg.norm(query.descriptors[matches.query_indices] - index.descriptors[matches.index_indices], axis=1)
    np.testing.assert_allclose(matches.distances, exact, rtol=1e-5)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("num_neighbors", "max_distance"), [(10, 0.8), (3, None), (1, None), (200, None)])
def test_aggregated_against_the_definition(make_features, engine, num_neighbors, max_distance) -> None:
    config = MatchingConfig(engine=engine, num_neighbors=num_neighbors, max_distance=max_distance)
    features_list = [make_features(count, 6, seed=count) for count in (30, 0, 1, 45, 20)]
    query = make_features(50, 6, seed=9)
    found = AggregatedIndex(["a", "b", "c", "d", "e"], features_list).match(query, config)
    assert [as_rows(matches) for matches in found] == slow_aggregated(query, features_list, config)


@pytest.mark.parametrize("config", [MatchingConfig(ratio=0.9), MatchingConfig(mutual=True, max_distance=None)])
def test_ratio_and_mutual_test_look_at_each_image_by_itself(make_features, config: MatchingConfig) -> None:
    features_list = [make_features(count, 4, seed=count) for count in (30, 0, 12)]
    query = make_features(20, 4)
    found = AggregatedIndex(["a", "b", "c"], features_list).match(query, config)
    assert [as_rows(m) for m in found] == [as_rows(match_pair(query, features, config)) for features in features_list]


def test_neighbors_count_over_all_images(make_features) -> None:
    index = AggregatedIndex(["a", "b"], [make_features(4, 8, seed=1), make_features(6, 8, seed=2)])
    config = MatchingConfig(num_neighbors=12, max_distance=None)
    distances, rows = index.neighbors(make_features(3, 8).descriptors, config)
    assert sorted(rows[0].tolist()) == [-1, -1, *range(10)]
    assert (np.diff(distances[:, :10]) >= 0).all()
    assert np.isinf(distances[:, 10:]).all()


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("config", [MatchingConfig(), MatchingConfig(ratio=0.8, mutual=True)])
def test_no_features_are_a_normal_outcome(make_features, engine, config: MatchingConfig) -> None:
    config, some, none = replace(config, engine=engine), make_features(5), LocalFeatures.empty(16)
    for query, index in ((some, none), (none, some), (none, none)):
        assert len(match_pair(query, index, config)) == 0
        assert [len(m) for m in AggregatedIndex(["a", "b"], [index, none]).match(query, config)] == [0, 0]
    assert AggregatedIndex([], []).match(some, config) == []
    assert AggregatedIndex([], []).neighbors(some.descriptors, config)[1].shape == (5, 10)


def test_one_feature_each(make_features) -> None:
    one = make_features(1)
    for config in (MatchingConfig(), MatchingConfig(ratio=0.5, mutual=True)):
        assert as_rows(match_pair(one, one, config)) == [(0, 0)]


@pytest.mark.real_data
def test_engines_agree_on_real_photographs(photograph_features) -> None:
    index = AggregatedIndex([str(i) for i in range(5)], photograph_features[1:])
    for config in (MatchingConfig(), MatchingConfig(max_distance=None, ratio=0.9, mutual=True)):
        exact = index.match(photograph_features[0], config)
        tree = index.match(photograph_features[0], replace(config, engine="kdtree"))
        assert sum(map(len, exact)) > 100
        for ours, reference in zip(exact, tree, strict=True):
            assert len(set(as_rows(ours)) ^ set(as_rows(reference))) <= 0.01 * len(reference)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"engine": "faiss"}, r"matching.engine must be one of \['exact', 'kdtree', 'keras'\], got 'faiss'"),
        ({"num_neighbors": 0}, "matching.num_neighbors must be at least 1, got 0"),
        ({"max_distance": 0.0}, "matching.max_distance must be a positive number .* got 0.0"),
        ({"max_distance": float("nan")}, "matching.max_distance .* got nan"),
        ({"ratio": 1.5}, r"matching.ratio must lie in \(0, 1\] .* got 1.5"),
    ],
)
def test_bad_settings_are_refused(settings: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MatchingConfig(**settings)


def test_bad_indexes_are_refused(make_features) -> None:
    with pytest.raises(ValueError, match="2 image ids but features of 1 images"):
        AggregatedIndex(["a", "b"], [make_features(2)])
    with pytest.raises(ValueError, match="image id 'a' is repeated"):
        AggregatedIndex(["a", "a"], [make_features(2), make_features(2)])
    with pytest.raises(ValueError, match=r"different lengths \[4, 8\]"):
        AggregatedIndex(["a", "b"], [make_features(2, 4), make_features(2, 8)])
    with pytest.raises(ValueError, match="use one extractor for both"):
        match_pair(make_features(2, 4), make_features(2, 8), MatchingConfig())
