"""Exact search against a slow sort of all cosines, for every engine, size of block and kind of tie."""

import os
import subprocess
import sys
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from tfland.recognition import search
from tfland.recognition.search import top_k
from tfland.recognition.search_index import SearchIndex

ROOT = Path(__file__).parents[3]
EXACT = ("faiss", "keras")


def literal(queries: np.ndarray, index: np.ndarray, k: int, penalties: np.ndarray | None = None) -> tuple:
    """All cosines one at a time in float64, rounded to float32, sorted by (-score, row)."""
    scores = np.full((len(queries), k), -np.inf, np.float32)
    rows = np.full((len(queries), k), -1, np.int64)
    for number, query in enumerate(queries.astype(np.float64)):
        found = []
        for row, other in enumerate(index.astype(np.float64)):
            cosine = np.dot(query, other) / (np.sqrt(np.dot(query, query)) * np.sqrt(np.dot(other, other)))
            score = cosine if penalties is None else min(max(cosine, 0.0), 1.0) - float(penalties[row])
            found.append((-float(np.float32(score)), row))
        for place, (score, row) in enumerate(sorted(found)[:k]):
            scores[number, place], rows[number, place] = -score, row
    return scores, rows


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng([seed, *shape]).normal(size=shape).astype(np.float32)


def near_ties() -> tuple[np.ndarray, np.ndarray]:
    """40 rows that differ from one another by less than a float32 product can tell, in a random order, and others."""
    direction = noise(1, 24)
    rows = np.repeat(direction, 40, axis=0)
    rows *= 1 + 3e-7 * noise(40, 24)
    index = np.concatenate([noise(30, 24, seed=1), rows, noise(30, 24, seed=2)])
    return np.concatenate([direction, noise(3, 24, seed=3)]), index[np.random.default_rng(4).permutation(100)]


CASES = {
    "random": lambda: (noise(7, 24), noise(90, 24, seed=1)),
    "one row": lambda: (noise(3, 5), noise(1, 5)),
    "one dimension": lambda: (noise(4, 1), noise(20, 1, seed=1)),
    "all equal": lambda: (noise(1, 8).repeat(5, axis=0), noise(1, 8, seed=1).repeat(60, axis=0)),
    "duplicates": lambda: (noise(6, 8), noise(12, 8, seed=1)[np.random.default_rng(0).integers(0, 12, 100)]),
    "other lengths": lambda: (noise(3, 8), noise(1, 8) * np.array([1, 2, 4, 0.5, 1e-30, 1e30], np.float32)[:, None]),
    "signs": lambda: (np.sign(noise(8, 16)), np.sign(noise(200, 16, seed=1))),
    "near ties": near_ties,
    "opposite": lambda: (noise(1, 4), -noise(1, 4).repeat(30, axis=0)),
}


@pytest.mark.parametrize(("case", "engine"), list(product(CASES, EXACT)))
@pytest.mark.parametrize("penalised", [False, True])
def test_the_same_as_sorting_everything(
    monkeypatch: pytest.MonkeyPatch, case: str, engine: str, penalised: bool
) -> None:
    monkeypatch.setattr(search, "_FEWEST_ROWS", 16)
    queries, index = CASES[case]()
    penalties = np.round(noise(len(index), seed=5), 1) * np.float32(0.3) if penalised else None
    for k in (1, 3, 70):
        scores, rows = literal(queries, index, k, penalties)
        for block_bytes in (1, 20_000, 1 << 24):
            found = top_k(queries, SearchIndex(index, penalties), k, engine=engine, block_bytes=block_bytes)
            np.testing.assert_array_equal(found[1], rows)
            np.testing.assert_array_equal(found[0], scores)
            assert (found[0].dtype, found[1].dtype) == (np.float32, np.int64)


def test_clipped_cosines_are_ties() -> None:
    """All similarities are below 0: with penalties they count as 0, and the smallest penalty wins, then the row."""
    queries, index = noise(2, 6), np.concatenate([-noise(1, 6)] * 9)
    index = index + 0.01 * noise(9, 6, seed=2)
    penalties = np.array([3, 1, 2, 1, 0.5, 0.5, 3, 3, 3], np.float32)
    scores, rows = top_k(queries[:1], SearchIndex(index, penalties), 4)
    np.testing.assert_array_equal(rows, [[4, 5, 1, 3]])
    np.testing.assert_array_equal(scores, [[-0.5, -0.5, -1, -1]])


@pytest.mark.parametrize("engine", EXACT)
def test_float16_rows_on_disk(tmp_path: Path, engine: str) -> None:
    queries, index = noise(5, 16).astype(np.float16), noise(300, 16, seed=1).astype(np.float16)
    np.save(tmp_path / "index.npy", index)
    mapped = np.load(tmp_path / "index.npy", mmap_mode="r")
    expected = literal(queries, index, 4)
    for found in (
        top_k(queries, mapped, 4, engine=engine),
        top_k(queries, SearchIndex(index, in_memory=True), 4, engine=engine),
    ):
        np.testing.assert_array_equal(found[1], expected[1])
        np.testing.assert_array_equal(found[0], expected[0])


def test_too_coarse_a_proposal_is_completed() -> None:
    """However wrong the products may be within their bound, the result is exact: float16's bound, 90 near rows."""
    from tfland.recognition.proposals import Proposal, error_bound

    queries, index = near_ties()
    error = error_bound(SearchIndex(index), "float16")
    exact = search.pair_cosines(queries, index, np.repeat(np.arange(4), 100), np.tile(np.arange(100), 4)).reshape(
        4, 100
    )
    wrong = (exact + np.random.default_rng(0).uniform(-error, error, exact.shape)).astype(np.float32)

    def propose(unit: np.ndarray, index: SearchIndex, count: int, block_rows: int) -> Proposal:
        order = np.argsort(-wrong, axis=1)[:, :count]
        return Proposal(values=np.take_along_axis(wrong, order, 1), rows=order, error=error, complete=False)

    scores, rows = search._search(queries, 0, index=SearchIndex(index), k=5, propose=propose, block_rows=64)
    expected = literal(queries, index, 5)
    np.testing.assert_array_equal(rows, expected[1])
    np.testing.assert_array_equal(scores, expected[0])


def test_products_stay_within_their_bound() -> None:
    from tfland.recognition.proposals import error_bound, propose_faiss

    index = SearchIndex(noise(500, 512), penalties=noise(500))
    queries = noise(20, 512, seed=1)
    found = propose_faiss(index.queries(queries, 0), index, 500, 128)
    exact = search.pair_cosines(queries, index.vectors, np.repeat(np.arange(20), 500), found.rows.ravel())
    exact -= index.penalties[found.rows.ravel()]
    worst = np.abs(found.values.ravel() - exact).max()
    assert worst < error_bound(index, "float32") < 2e-4
    assert found.complete


def test_cosines_do_not_depend_on_their_neighbours() -> None:
    """The bits of a pair's cosine are the same alone, in a batch, at another address, in another order."""
    queries, index = noise(40, 37), noise(2000, 37, seed=1).astype(np.float16)
    rng = np.random.default_rng(0)
    left, right = rng.integers(0, 40, 3000), rng.integers(0, 2000, 3000)
    together = search.pair_cosines(queries, index, left, right)
    for number in rng.integers(0, 3000, 50):
        alone = search.pair_cosines(queries, index, left[number : number + 1], right[number : number + 1])
        assert alone[0] == together[number]
        shifted = np.zeros(40 * 37 + 1, np.float32)[1:].reshape(40, 37)
        shifted[:] = queries
        assert search.pair_cosines(shifted, index, left[number:], right[number:])[0] == together[number]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"queries": np.full((2, 8), np.nan, np.float32)}, r"row 0 of queries holds NaN or infinity"),
        ({"index": np.vstack([noise(4, 8), np.zeros((1, 8), np.float32)])}, r"row 4 of the index is all zeros"),
        ({"index": np.vstack([noise(4, 8), np.full((1, 8), np.inf, np.float32)])}, r"row 4 of the index holds NaN"),
        ({"index": noise(4, 7)}, r"queries have 8 dimensions and the index has 7; embed both with one model"),
        ({"queries": noise(8)}, r"queries must be \[N, E\] with E >= 1, got the shape \[8\]"),
        ({"queries": np.ones((2, 8), np.int64)}, r"queries must hold floating-point numbers, got int64"),
        ({"k": 0}, r"k is 0 and block_bytes is 1073741824; both must be at least 1"),
        ({"engine": "fais"}, r"engine must be one of auto, faiss, keras, faiss-approximate, got 'fais'"),
        ({"index": SearchIndex(noise(4, 8)), "block_bytes": 0}, r"block_bytes is 0"),
    ],
)
@pytest.mark.parametrize("engine", EXACT)
def test_what_is_refused(change: dict, message: str, engine: str) -> None:
    arguments = {"queries": noise(2, 8), "index": noise(4, 8), "k": 2, "engine": engine} | change
    with pytest.raises(ValueError, match=message):
        top_k(**arguments)
    with pytest.raises(ValueError, match="penalties must be 4 finite numbers"):
        SearchIndex(noise(4, 8), penalties=np.array([0, 1, np.nan, 2], np.float32))


def test_nothing_to_search() -> None:
    empty = np.empty((0, 8), np.float32)
    scores, rows = top_k(noise(2, 8), empty, 3)
    assert (scores == -np.inf).all()
    assert (rows == -1).all()
    assert top_k(empty, noise(4, 8), 3)[0].shape == (0, 3)


def test_the_engine_for_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "_accelerator_files", lambda: False)
    assert search.fastest_engine(10**6) == "faiss"
    assert search.fastest_engine(10**13) == "keras"
    monkeypatch.delitem(sys.modules, "keras", raising=False)
    assert search.fastest_engine(10**11) == "faiss"


OTHER_BACKEND = """
import os, sys
order, devices, folder = sys.argv[1], sys.argv[2], sys.argv[3]
if order == "tensorflow first":
    import tensorflow
elif order == "faiss first":
    import faiss
if devices == "two" and os.environ["KERAS_BACKEND"] == "tensorflow":
    import tensorflow as tf
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
import numpy as np
from functools import partial
from tfland.recognition import search
from tfland.recognition.search_index import SearchIndex
from tfland.recognition.search_keras import propose_keras
import keras
assert keras.backend.backend() == os.environ["KERAS_BACKEND"]
if os.environ["KERAS_BACKEND"] == "jax":
    assert "tensorflow" not in sys.modules
case = np.load(folder + "/case.npz")
names = ["cpu:0", "cpu:1"] if devices == "two" else None
search.ENGINES["keras"] = partial(propose_keras, devices=names)
index = SearchIndex(case["index"], case["penalties"])
out = {}
for engine in ("faiss", "keras"):
    out[engine + "_scores"], out[engine + "_rows"] = search.top_k(
        case["queries"], index, 5, engine=engine, block_bytes=1 << 18)
if os.environ["KERAS_BACKEND"] == "jax":
    on_device = SearchIndex(keras.ops.convert_to_tensor(case["index"]), case["penalties"])
    out["device_scores"], out["device_rows"] = search.top_k(case["queries"], on_device, 5, engine="keras")
np.savez(folder + "/found.npz", **out)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("backend", "order", "devices"),
    [
        ("tensorflow", "tensorflow first", "two"),
        ("tensorflow", "faiss first", "one"),
        ("jax", "faiss first", "two"),
    ],
)
def test_the_same_on_every_backend_and_several_devices(tmp_path: Path, backend: str, order: str, devices: str) -> None:
    pytest.importorskip(backend)
    index = noise(9000, 16, seed=1)
    index[5000:5050] = index[10:60]
    queries, penalties = np.concatenate([noise(30, 16), index[:20]]), np.round(noise(9000), 2) / 9
    np.savez(tmp_path / "case.npz", queries=queries, index=index, penalties=penalties)
    settings = {"KERAS_BACKEND": backend, "JAX_PLATFORMS": "cpu", "TF_CPP_MIN_LOG_LEVEL": "3"}
    settings["XLA_FLAGS"] = "--xla_force_host_platform_device_count=2" if backend == "jax" else ""
    result = subprocess.run(
        [sys.executable, "-c", OTHER_BACKEND, order, devices, str(tmp_path)],
        env={**os.environ, **settings},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert result.returncode == 0, result.stderr[-3000:]
    found = np.load(tmp_path / "found.npz")
    scores, rows = top_k(queries, SearchIndex(index, penalties), 5, engine="faiss")
    engines = ["faiss", "keras"] + ["device"] * (backend == "jax")
    for engine in engines:
        np.testing.assert_array_equal(found[f"{engine}_rows"], rows)
        np.testing.assert_array_equal(found[f"{engine}_scores"], scores)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_products_of_accelerators(monkeypatch: pytest.MonkeyPatch, dtype: str) -> None:
    """What a GPU or TPU multiplies, multiplied here: within its bound, and the result is exact all the same."""
    from tfland.recognition import search_keras
    from tfland.recognition.proposals import error_bound

    monkeypatch.setitem(search_keras.DTYPES, "cpu", dtype)
    queries, vectors = np.concatenate([noise(5, 24), near_ties()[0]]), np.concatenate([noise(3000, 24), near_ties()[1]])
    index = SearchIndex(vectors, penalties=np.round(noise(3100), 1) * np.float32(0.1))
    found = search_keras.propose_keras(index.queries(queries, 0), index, 20, 4096)
    pairs = np.nonzero(found.rows >= 0)
    exact = search.pair_cosines(queries, vectors, pairs[0], found.rows[pairs]) - index.penalties[found.rows[pairs]]
    assert np.abs(found.values[pairs] - exact).max() < error_bound(index, dtype)
    for one, other in zip(
        top_k(queries, index, 6, engine="keras"), top_k(queries, index, 6, engine="faiss"), strict=True
    ):
        np.testing.assert_array_equal(one, other)
