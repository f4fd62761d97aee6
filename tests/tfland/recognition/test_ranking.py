"""The winner's ranking against a slow, literal version of the paper's steps."""

from itertools import product

import numpy as np
import pytest
from sklearn.preprocessing import QuantileTransformer

from tfland.recognition import search
from tfland.recognition.ranking import Ranker, index_penalties, rank
from tfland.recognition.ranking_config import RankingConfig
from tfland.recognition.spaces import prepare
from tfland.recognition.voting import Candidates

LANDMARKS = np.array([70, 5, 5, 900, 70, 12])


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng([seed, *shape]).normal(size=shape).astype(np.float32)


def unit(rows: np.ndarray) -> np.ndarray:
    return np.stack([row / np.sqrt(sum(float(value) ** 2 for value in row)) for row in rows.astype(np.float64)])


def top_mean(values: np.ndarray, count: int) -> float:
    return float(np.mean(sorted(values, reverse=True)[:count]))


def literal_space(parts: list[list[np.ndarray]], config: RankingConfig) -> list[np.ndarray]:
    """L2, side by side, quantile transform fitted on the queries, cosines again: queries, index, non-landmarks."""
    joined = [np.concatenate([unit(model).astype(np.float32) for model in models], axis=1) for models in parts]
    if config.quantile:
        transformer = QuantileTransformer(
            n_quantiles=min(1000, len(joined[0])), output_distribution="normal", random_state=config.quantile_seed
        )
        transformer.fit(joined[0].astype(np.float64))
        joined = [transformer.transform(part.astype(np.float64)).astype(np.float32) for part in joined]
    return [unit(part) for part in joined]


def literal_rank(
    queries: list, index: list, landmarks: np.ndarray, pool: list, config: RankingConfig, own: np.ndarray | None = None
) -> list[tuple[int, int, float]]:
    """The five steps of seed 001, section 2.4, a query at a time; sums of several spaces for `per_model`."""
    groups = [slice(None)] if config.ensemble == "concat" else [slice(n, n + 1) for n in range(len(queries))]
    sums: list[dict[int, float]] = [{} for _ in range(len(queries[0]))]
    penalty = np.zeros(len(queries[0]))
    for group in groups:
        X, Y, Z = literal_space([queries[group], index[group], pool[group]], config)
        B = np.zeros(len(Y))
        if config.index_penalty:
            B = np.array([np.float32(top_mean((Z @ y).astype(np.float32), config.index_neighbors)) for y in Y])
        for i, x in enumerate(X):
            A = (np.clip(Y @ x, 0, 1) - B).astype(np.float32)
            nearest = sorted(range(len(Y)), key=lambda j: (-A[j], j))[: config.top_index]
            for j in nearest:
                sums[i][int(landmarks[j])] = sums[i].get(int(landmarks[j]), 0.0) + float(A[j])
            if config.query_penalty:
                others = [z for row, z in enumerate(Z) if own is None or own[i] != row]
                penalty[i] += top_mean(np.array([z @ x for z in others], np.float32), config.query_neighbors)
    rows = []
    for i, found in enumerate(sums):
        best = sorted(found.items(), key=lambda item: (-np.float32(item[1]), item[0]))
        rows += [(i, landmark, total - penalty[i]) for landmark, total in best]
    return rows


def assert_same(found: Candidates, expected: list[tuple[int, int, float]]) -> None:
    assert found.query_rows.tolist() == [row for row, _, _ in expected]
    assert found.landmark_ids.tolist() == [landmark for _, landmark, _ in expected]
    np.testing.assert_allclose(found.scores, [score for _, _, score in expected], atol=3e-6)


def world(seed: int = 0, models: int = 1) -> tuple[list, list, np.ndarray, list]:
    """Queries, index, landmarks and non-landmarks in clusters; two or three photographs of an index are equal."""
    centres = noise(12, 10, seed=seed)
    rng = np.random.default_rng(seed)
    landmarks = rng.integers(0, 12, 80)
    parts = []
    for model in range(models):
        turn = np.linalg.qr(noise(10, 10, seed=model))[0].astype(np.float32)
        index = centres[landmarks] @ turn + 0.5 * noise(80, 10, seed=seed + model)
        index[70:] = index[10:20]
        queries = centres[rng.integers(0, 12, 25)] @ turn + 0.6 * noise(25, 10, seed=seed + 7 + model)
        parts.append((queries, index, noise(30, 10, seed=seed + 3 + model)))
    queries, index, pool = (list(column) for column in zip(*parts, strict=True))
    return queries, index, landmarks * 100, pool


SWITCHES = [{"quantile": q, "index_penalty": b, "query_penalty": c} for q, b, c in product((True, False), repeat=3)]


@pytest.mark.parametrize("switches", SWITCHES)
@pytest.mark.parametrize("ensemble", ["concat", "per_model"])
@pytest.mark.parametrize("models", [1, 3])
def test_the_papers_steps(switches: dict, ensemble: str, models: int) -> None:
    config = RankingConfig(ensemble=ensemble, **switches)
    queries, index, landmarks, pool = world(models, models)
    assert_same(rank(queries, index, landmarks, pool, config), literal_rank(queries, index, landmarks, pool, config))


def test_other_numbers_of_neighbours() -> None:
    config = RankingConfig(index_neighbors=2, top_index=6, query_neighbors=50)
    case = world(5)
    assert_same(rank(*case, config), literal_rank(*case, config))


def test_a_query_among_the_non_landmarks_does_not_penalise_itself() -> None:
    queries, index, landmarks, pool = world(9)
    pool[0][4], pool[0][17] = queries[0][3], queries[0][11]
    own = np.full(25, -1)
    own[[3, 11]] = 4, 17
    config = RankingConfig()
    found = rank(queries, index, landmarks, pool, config, own_rows=own)
    assert_same(found, literal_rank(queries, index, landmarks, pool, config, own))
    without = rank(queries, index, landmarks, pool, config)
    changed = np.unique(found.query_rows[found.scores != without.scores])
    assert changed.tolist() == [3, 11]


def test_the_only_non_landmark_is_the_query() -> None:
    queries, index, landmarks, _ = world(9)
    config = RankingConfig(index_penalty=False, quantile=False)
    own = np.full(25, -1)
    own[0] = 0
    alone = rank(queries, index, landmarks, [queries[0][:1]], config, own_rows=own)
    without = rank(
        queries, index, landmarks, None, RankingConfig(index_penalty=False, quantile=False, query_penalty=False)
    )
    np.testing.assert_array_equal(alone.scores[alone.query_rows == 0], without.scores[without.query_rows == 0])


DEGENERATE = {
    "one photograph": (noise(4, 6), noise(1, 6, seed=1), np.array([7]), noise(3, 6, seed=2)),
    "one query": (noise(1, 6), noise(9, 6, seed=1), np.arange(9), noise(3, 6, seed=2)),
    "one class": (noise(4, 6), noise(9, 6, seed=1), np.full(9, 3), noise(3, 6, seed=2)),
    "all equal": (noise(1, 6).repeat(5, 0), noise(1, 6).repeat(8, 0), np.arange(8)[::-1], noise(1, 6).repeat(4, 0)),
    "all opposite": (noise(1, 6).repeat(5, 0), -noise(1, 6).repeat(8, 0), np.arange(8)[::-1], noise(2, 6)),
    "equal queries": (noise(1, 6).repeat(5, 0), noise(8, 6, seed=1), np.arange(8) // 3, noise(4, 6, seed=2)),
    "one non-landmark": (noise(5, 6), noise(8, 6, seed=1), np.arange(8), noise(1, 6, seed=2)),
}


@pytest.mark.parametrize("case", DEGENERATE)
@pytest.mark.parametrize("quantile", [True, False])
def test_degenerate_inputs(case: str, quantile: bool) -> None:
    queries, index, landmarks, pool = DEGENERATE[case]
    config = RankingConfig(quantile=quantile)
    expected = literal_rank([queries], [index], landmarks, [pool], config)
    assert_same(rank([queries], [index], landmarks, [pool], config), expected)


@pytest.mark.parametrize("engine", ["faiss", "keras"])
def test_nothing_depends_on_blocks_engines_or_parts(monkeypatch: pytest.MonkeyPatch, engine: str) -> None:
    queries, index, landmarks, pool = world(2, 2)
    whole = rank(queries, index, landmarks, pool)
    monkeypatch.setattr(search, "_FEWEST_ROWS", 16)
    config = RankingConfig(engine=engine, block_bytes=1)
    small = rank(queries, index, landmarks, pool, config)
    spaces = prepare(queries, index, pool, config)
    penalties = [np.concatenate([index_penalties(space, config, n, n + 30) for n in (0, 30, 60)]) for space in spaces]
    ranker = Ranker(spaces, penalties, landmarks, config)
    parts = [ranker.rank(start, min(start + 4, 25)) for start in range(0, 25, 4)]
    for name in ("query_rows", "landmark_ids", "scores"):
        np.testing.assert_array_equal(getattr(small, name), getattr(whole, name))
        offsets = [4 * n * (name == "query_rows") for n in range(len(parts))]
        joined = np.concatenate([getattr(part, name) + offset for part, offset in zip(parts, offsets, strict=True)])
        np.testing.assert_array_equal(joined, getattr(whole, name))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pool": None}, "penalties compare with photographs that show no landmark, and there are none"),
        ({"pool": [np.empty((0, 10), np.float32)]}, "and there are none; give their embeddings or switch both"),
        ({"index": []}, "every model needs embeddings of everything; got arrays for queries: 1, the index: 0"),
        ({"index": [noise(80, 9)]}, r"the index of model 0 have the shape \[80, 9\]; expected 80 rows"),
        ({"landmarks": np.arange(3)}, "the index has 80 photographs and 3 landmark ids"),
        ({"queries": [np.full((25, 10), np.nan, np.float32)]}, "row 0 of queries of model 0 holds NaN or infinity"),
        ({"index": [np.zeros((80, 10), np.float32)]}, "row 0 of index of model 0 is all zeros"),
        ({"pool": [np.zeros((3, 10), np.float32)]}, "row 0 of non_landmarks of model 0 is all zeros"),
    ],
)
def test_what_is_refused(change: dict, message: str) -> None:
    names = ("queries", "index", "landmarks", "pool")
    with pytest.raises(ValueError, match=message):
        rank(*(dict(zip(names, world(), strict=True)) | change).values())


def test_a_row_in_the_middle_of_all_queries() -> None:
    """With three queries the one in the middle of every dimension becomes a vector without a direction."""
    queries = np.array([[3, 4], [4, 3.5], [4, 3]], np.float32)
    with pytest.raises(ValueError, match="makes row 1 of queries all zeros, the middle of the queries"):
        rank([queries], [noise(5, 2)], np.arange(5), [noise(5, 2)])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"top_index": 0}, "ranking.top_index must be at least 1, got 0"),
        ({"block_bytes": -1}, "ranking.block_bytes must be at least 1, got -1"),
        ({"quantile_seed": -1}, "ranking.quantile_seed must not be negative, got -1"),
        ({"ensemble": "mean"}, "ranking.ensemble must be one of concat, per_model, got 'mean'"),
        ({"engine": "gpu"}, "ranking.engine must be one of auto, faiss, keras, faiss-approximate, got 'gpu'"),
    ],
)
def test_settings_that_are_refused(settings: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        RankingConfig(**settings)
