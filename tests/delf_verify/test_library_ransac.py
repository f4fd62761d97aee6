import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest

from delf_verify.affine import Limits
from delf_verify.geometry import ENGINES, GeometryConfig, estimate_geometry
from delf_verify.library_ransac import library_ransac
from delf_verify.maps import MODELS, Search

ROOT = Path(__file__).resolve().parents[2]
SEARCH = Search(residual_px=3.0, trials=500, confidence=0.999, seed=0, limits=Limits(3.0, 3.0))
# Every engine but the slow reference with every model it knows, on matches of which a third agree: all bits of it.
PROGRAM = """
import sys
import cv2, numpy as np
threads, disturbed = int(sys.argv[1]), sys.argv[2] == "disturbed"
cv2.setNumThreads(threads)
cv2.setRNGSeed(threads)
from delf_verify.geometry import ENGINES, GeometryConfig, estimate_geometry
rng = np.random.default_rng(0)
query = rng.uniform(0, 800, (600, 2))
index = query * 1.1 + rng.normal(scale=2, size=query.shape)
index[:400] = rng.uniform(0, 800, (400, 2))
for engine, models in ENGINES.items():
    for model in models if engine != "skimage" else ():
        if disturbed:
            cv2.randu(np.zeros(9), 0, 1)
            cv2.findHomography(query, index, cv2.RANSAC, 5.0, maxIters=17)
            cv2.findFundamentalMat(query, index, cv2.USAC_MAGSAC, 5.0, 0.99, 19)
            cv2.kmeans(query.astype(np.float32), 3, None, (3, 5, 1.0), 2, cv2.KMEANS_RANDOM_CENTERS)
        config = GeometryConfig(engine=engine, model=model, residual_px=6.0, trials=300)
        found = estimate_geometry(query, index, config, np.full(600, 1.1))
        matrix = b"" if found.matrix is None else found.matrix.tobytes()
        print(engine, model, found.num_inliers, matrix.hex(), found.inlier_mask.tobytes().hex())
"""


def test_processes_threads_and_other_calls_of_opencv_change_no_bit() -> None:
    outputs = []
    for threads, state in (("1", "fresh"), ("4", "disturbed")):
        environment = {"OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads, "PATH": "/usr/bin:/bin"}
        command = [sys.executable, "-c", PROGRAM, threads, state]
        done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=True)
        outputs.append(done.stdout.splitlines())
    assert len(outputs[0]) == sum(len(models) for engine, models in ENGINES.items() if engine != "skimage")
    assert outputs[0] == outputs[1]
    assert min(int(line.split()[2]) for line in outputs[0]) > 150


def pair(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    query = rng.uniform(0, 800, (90, 2))
    index = query * 1.2 + rng.normal(scale=2, size=query.shape)
    index[:60] = rng.uniform(0, 800, (60, 2))
    return query, index


@pytest.mark.parametrize("engine", ["opencv", "usac"])
def test_threads_at_once_give_what_one_after_the_other_gives(engine: str) -> None:
    config = GeometryConfig(engine=engine)
    pairs = [pair(seed) for seed in range(12)]
    alone = [estimate_geometry(*one, config) for one in pairs]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda one: estimate_geometry(*one, config), pairs))
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one.inlier_mask, other.inlier_mask)
        np.testing.assert_array_equal(one.matrix, other.matrix)


@pytest.mark.parametrize("model", ["affine", "homography", "fundamental"])
def test_the_seed_reaches_usac(model: str) -> None:
    query, index = pair(3)
    matrices = [
        estimate_geometry(query, index, GeometryConfig(engine="usac", model=model, trials=60, seed=seed)).matrix
        for seed in (0, 0, 1, 2, 3, 4)
    ]
    np.testing.assert_array_equal(matrices[0], matrices[1])
    assert len({matrix.tobytes() for matrix in matrices if matrix is not None}) > 1


def test_matches_of_an_implausible_map_are_set_aside() -> None:
    """The library's best map is a mirrored one with 60 matches; the true one has 40."""
    query = np.random.default_rng(1).uniform(0, 500, (100, 2))
    index = query * [1, -1] + [0, 500]
    index[60:] = query[60:] + 9
    asked = []

    def mirrored_first(points: np.ndarray, partners: np.ndarray, search: Search) -> np.ndarray:
        asked.append(len(points))
        if len(asked) == 1:
            return np.array([[1.0, 0, 0], [0, -1, 500]])
        return np.array([[1.0, 0, 9], [0, 1, 9]])

    found = library_ransac(MODELS["affine"], (mirrored_first,), query, index, SEARCH)
    np.testing.assert_array_equal(found, [[1, 0, 9], [0, 1, 9]])
    assert asked[0] == 100
    assert 40 <= asked[1] <= 45


def test_it_gives_up_where_a_library_finds_nothing_or_only_implausible_maps() -> None:
    query, index = pair(5)
    assert library_ransac(MODELS["affine"], (lambda *_: None,), query, index, SEARCH) is None
    nowhere = np.array([[1.0, 0, 1e6], [0, -1, 1e6]])
    assert library_ransac(MODELS["affine"], (lambda *_: nowhere,), query, index, SEARCH) is None


def test_opencvs_own_threads_do_not_matter() -> None:
    query, index = pair(6)
    before = cv2.getNumThreads()
    found = []
    try:
        for threads in (1, 4):
            cv2.setNumThreads(threads)
            found.append(estimate_geometry(query, index, GeometryConfig(engine="usac", model="homography")).matrix)
    finally:
        cv2.setNumThreads(before)
    np.testing.assert_array_equal(found[0], found[1])
