import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from delf_verify import neighbors_keras
from delf_verify.neighbors import DescriptorIndex, search_exact
from delf_verify.neighbors_keras import search_keras

ROOT = Path(__file__).resolve().parents[2]


def coarse(values: np.ndarray, bits: int) -> np.ndarray:
    """Rounds to a mantissa of so many bits."""
    mantissa, exponent = np.frexp(values)
    return np.ldexp(np.round(mantissa * 2**bits) / 2**bits, exponent).astype(np.float32)


@pytest.fixture(params=[("cpu", 24), ("gpu", 11), ("tpu", 8), ("npu", 8)], ids=lambda case: case[0])
def device(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Stands for a device that rounds factors before it multiplies; NumPy takes the place of Keras."""
    kind, bits = request.param

    def best(lifted: np.ndarray, block: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
        products = coarse(lifted, bits) @ coarse(block, bits).T
        columns = np.argsort(products, axis=1, kind="stable")[:, :count]
        return np.take_along_axis(products, columns, axis=1), columns

    monkeypatch.setattr(neighbors_keras, "_best", best)
    monkeypatch.setattr(neighbors_keras, "_device_kind", lambda: kind)
    return str(kind)


def assert_same(found: tuple, expected: tuple) -> None:
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)
        assert ours.dtype == theirs.dtype


@pytest.mark.parametrize(("count", "limit"), [(1, np.inf), (10, np.inf), (10, 1.1), (1, 0.9), (60, np.inf), (3, 1e30)])
def test_the_neighbors_of_the_exact_engine(make_features, device: str, count: int, limit: float) -> None:
    queries, index = make_features(70, 16, 1).descriptors, DescriptorIndex(make_features(900, 16, 2).descriptors)
    expected = search_exact(index, queries, count, limit)
    for query_block, index_block in ((70, 900), (16, 200), (100, 1000), (70, 30)):
        assert_same(search_keras(index, queries, count, limit, query_block, index_block), expected)


@pytest.mark.parametrize("offset", [0, 100])
def test_more_equal_distances_than_are_proposed(device: str, offset: int) -> None:
    """The device cannot know the first of 60 equal descriptors: such queries are searched again."""
    rng = np.random.default_rng(0)
    some = (offset + rng.normal(size=(9, 40))).astype(np.float32)
    index = DescriptorIndex(np.tile(some, (60, 1)))
    queries = np.concatenate([some, (offset + rng.normal(size=(20, 40))).astype(np.float32)])
    for index_block in (50, 600):
        assert_same(search_keras(index, queries, 5, np.inf, 8, index_block), search_exact(index, queries, 5, np.inf))


def test_most_queries_are_proved(make_features, device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or the device would only be in the way."""
    searched = []
    monkeypatch.setattr(
        neighbors_keras,
        "search_exact",
        lambda index, queries, *rest: searched.append(len(queries)) or search_exact(index, queries, *rest),
    )
    queries, index = make_features(200, 40, 1).descriptors, DescriptorIndex(make_features(3000, 40, 2).descriptors)
    search_keras(index, queries, 2, np.inf)
    assert sum(searched) <= (20 if device in ("cpu", "gpu") else 200)


REAL_KERAS = """
import sys
import numpy as np
from delf_verify.matching import MatchingConfig, match_pair
from delf_verify.features import LocalFeatures
from delf_verify.neighbors import DescriptorIndex
from delf_verify.neighbors_keras import search_keras

assert "keras" not in sys.modules and "tensorflow" not in sys.modules
rng = np.random.default_rng(0)

def features(count, size):
    rows = rng.normal(size=(count, size)).astype(np.float32)
    return LocalFeatures(rng.random((count, 2)), rows, rng.random(count), rng.random(count))

for queries, descriptors in ((300, 5000), (5, 1), (1, 3), (0, 4), (4, 0)):
    index, wanted = DescriptorIndex(features(descriptors, 40).descriptors), features(queries, 40).descriptors
    for count, limit in ((10, None), (2, None), (10, 7.0)):
        for engine in ("exact", "kdtree"):
            for ours, theirs in zip(
                index.neighbors(wanted, count, limit, "keras"), index.neighbors(wanted, count, limit, engine)
            ):
                np.testing.assert_allclose(ours, theirs, rtol=1e-6)
    if len(wanted) and len(index):
        for ours, theirs in zip(
            search_keras(index, wanted, 4, np.inf, 64, 1000), index.neighbors(wanted, 4, None, "exact")
        ):
            np.testing.assert_array_equal(ours, theirs)
places = DescriptorIndex(np.array([[3, 4], [0, 6]], np.float32))
distances, rows = places.neighbors(np.zeros((1, 2), np.float32), 2, 5.0, "keras")
assert (distances.tolist(), rows.tolist()) == ([[5.0, np.inf]], [[0, -1]]), "the limit is included"
a, b = features(200, 8), features(230, 8)
for ratio in (None, 0.9):
    ours, theirs = (match_pair(a, b, MatchingConfig(engine=e, max_distance=None, ratio=ratio, mutual=True))
                    for e in ("keras", "exact"))
    np.testing.assert_array_equal(ours.query_indices, theirs.query_indices)
    np.testing.assert_array_equal(ours.index_indices, theirs.index_indices)
import keras
print("same neighbours on", keras.backend.backend())
"""


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jax", "tensorflow"])
def test_with_keras(backend: str) -> None:
    pytest.importorskip(backend)
    result = subprocess.run(
        [sys.executable, "-c", REAL_KERAS],
        env=os.environ | {"KERAS_BACKEND": backend, "JAX_PLATFORMS": "cpu", "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=300,
        check=False,
    )
    assert result.stdout.strip() == f"same neighbours on {backend}", result.stderr[-3000:]
