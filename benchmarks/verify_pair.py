"""Times the verification of one pair beside cKDTree + scikit-image RANSAC, and shows that it is no worse.

    python benchmarks/verify_pair.py [--pairs 60] [--json]        # --pairs 0: the whole list

The reference is what DELF's image_reranking.py does: the nearest neighbour within 0.8 by cKDTree, then
`skimage.measure.ransac` with an affine map, 1000 trials, 20 pixels. Rows see 1000 + 1000 RootSIFT features; "40-d"
ones are projected by a PCA fitted on the same photographs, "upright" ones are those of the default. AUC and recall at
5 % false accepts come from all pairs and the median times from those with 1000 features in both images: processor
time of one thread, because the machine may be shared.

Pairs: every so-many-th line of ../shared/data/same_different.csv, or warped random textures where that is absent.
The last row is the default of `tfland verify --features sift` with all of its features. The column "own" is the ratio
to the reference on the same features.
"""

import argparse
import json
import os
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import cv2
import numpy as np
from scipy.spatial import cKDTree
from skimage.measure import ransac
from skimage.transform import AffineTransform
from sklearn.metrics import roc_auc_score

from delf_verify.config import default_config
from delf_verify.features import LocalFeatures
from delf_verify.geometry import GeometryConfig, estimate_geometry
from delf_verify.matching import MatchingConfig, match_pair
from delf_verify.pca import Pca
from delf_verify.sift import RootSift, SiftConfig

DATA = Path(__file__).resolve().parents[1] / "../shared/data"
FEATURES, DIMENSIONS, MAX_DISTANCE = 1000, 40, 0.8
# The machine may be busy: the best of so many times counts, for the reference as for us.
WARM_UP, REPEATS = 3, 5

Verify = Callable[[LocalFeatures, LocalFeatures], int]


class Pair(NamedTuple):
    """Names of two images and whether they show the same place."""

    a: str
    b: str
    same: bool


class Row(NamedTuple):
    """One line of the table; times in milliseconds."""

    name: str
    match_ms: float
    geometry_ms: float
    total_ms: float
    auc: float
    recall: float


def real_pairs(count: int) -> tuple[list[Pair], Callable[[str], np.ndarray]]:
    """The pairs and a function that reads an image as RGB."""
    lines = (DATA / "same_different.csv").read_text().splitlines()[1:]
    step = max(1, len(lines) // count) if count else 1
    pairs = [Pair(a, b, same == "1") for a, b, same, *_ in (line.split(",") for line in lines[::step])]
    return pairs, lambda name: np.ascontiguousarray(cv2.imread(str(DATA / name))[..., ::-1])


def made_pairs(count: int) -> tuple[list[Pair], Callable[[str], np.ndarray]]:
    """Two views of a random texture each, and views of different ones."""

    def read(name: str) -> np.ndarray:
        texture, view = map(int, name.split("/"))
        rng, canvas = np.random.default_rng(texture), np.zeros((600, 800), np.float32)
        for step in (5, 12, 30, 80):
            coarse = rng.normal(size=(600 // step + 2, 800 // step + 2)).astype(np.float32)
            canvas += cv2.resize(coarse, (800, 600), interpolation=cv2.INTER_CUBIC)
        rng = np.random.default_rng([texture, view])
        matrix = np.column_stack([np.eye(2) + rng.uniform(-0.25, 0.25, (2, 2)), rng.uniform(-80, 80, 2)])
        warped = cv2.warpAffine(canvas, matrix, (800, 600), borderMode=cv2.BORDER_REFLECT)
        warped += rng.normal(scale=0.3, size=warped.shape)
        return np.repeat(np.clip(128 + 40 * warped, 0, 255).astype(np.uint8)[..., None], 3, axis=2)

    half = max(1, (count or 60) // 2)
    pairs = [Pair(f"{i}/0", f"{i}/1", True) for i in range(half)]
    return pairs + [Pair(f"{i}/0", f"{i + 1}/1", False) for i in range(half)], read


def recall_at(scores: np.ndarray, same: np.ndarray, false_accepts: float) -> float:
    """Share of the same pairs above the smallest score that accepts at most this share of the others."""
    others = np.sort(scores[~same])[::-1]
    return float((scores[same] > others[int(false_accepts * len(others))]).mean())


# The locations [M, 2] of both images and the ratios of the features' sizes [M].
Matched = tuple[np.ndarray, np.ndarray, np.ndarray]


def reference_match(a: LocalFeatures, b: LocalFeatures) -> Matched:
    """The nearest neighbours within the limit."""
    if not len(a) or not len(b):
        return np.zeros((0, 2)), np.zeros((0, 2)), np.zeros(0)
    distances, rows = cKDTree(b.descriptors).query(a.descriptors, distance_upper_bound=MAX_DISTANCE)
    near = np.isfinite(distances)
    return a.locations_yx[near], b.locations_yx[rows[near]], np.zeros(0)


def reference_inliers(a: np.ndarray, b: np.ndarray, _: np.ndarray) -> int:
    """Inliers of scikit-image's RANSAC."""
    if len(a) < 3:
        return 0
    _, inliers = ransac((a, b), AffineTransform, min_samples=3, residual_threshold=20, max_trials=1000, rng=0)
    return 0 if inliers is None else int(inliers.sum())


def our_match(config: MatchingConfig) -> Callable[[LocalFeatures, LocalFeatures], Matched]:
    """`match_pair` with its matches as locations and ratios of sizes."""

    def match(a: LocalFeatures, b: LocalFeatures) -> Matched:
        found = match_pair(a, b, config)
        query, index = found.query_indices, found.index_indices
        return a.locations_yx[query], b.locations_yx[index], b.scales[index] / a.scales[query]

    return match


def our_inliers(config: GeometryConfig) -> Callable[[np.ndarray, np.ndarray, np.ndarray], int]:
    """`estimate_geometry` as a number of inliers."""
    return lambda a, b, ratios: estimate_geometry(a, b, config, ratios).num_inliers


def measure(name: str, features: dict[str, LocalFeatures], pairs: list[Pair], match: Callable, count: Callable) -> Row:
    """Verifies every pair and returns its line of the table."""
    for pair in pairs[:WARM_UP]:
        count(*match(features[pair.a], features[pair.b]))
    scores, times = [], []
    for pair in pairs:
        tries = []
        for _ in range(REPEATS):
            started = time.thread_time()
            matched = match(features[pair.a], features[pair.b])
            between = time.thread_time()
            inliers = count(*matched)
            tries.append((between - started, time.thread_time() - between))
        scores.append(inliers)
        times.append(min(tries, key=sum))
    largest = max(map(len, features.values()))
    full = [len(features[p.a]) == len(features[p.b]) == largest for p in pairs]
    milliseconds = 1e3 * np.array(times)[full if any(full) else slice(None)]
    same, counted = np.array([pair.same for pair in pairs]), np.array(scores)
    median = np.median(milliseconds, axis=0)
    total = float(np.median(milliseconds.sum(axis=1)))
    return Row(name, *map(float, median), total, float(roc_auc_score(same, counted)), recall_at(counted, same, 0.05))


def run(pairs: list[Pair], read: Callable[[str], np.ndarray]) -> list[Row]:
    """Every line of the table, the reference first."""
    names = sorted({name for pair in pairs for name in (pair.a, pair.b)})
    plain = {n: RootSift(SiftConfig(max_features=FEATURES, upright=False)).extract(read(n)) for n in names}
    pca = Pca.fit(np.concatenate([features.descriptors for features in plain.values()]), DIMENSIONS)
    short = {n: replace(f, descriptors=pca.project(f.descriptors)) for n, f in plain.items()}
    upright = {n: RootSift().extract(read(n)) for n in names}
    thousand = {n: features.strongest(FEATURES) for n, features in upright.items()}
    near, default = MatchingConfig(max_distance=MAX_DISTANCE), default_config("sift")
    rows = [measure("reference, 40-d", short, pairs, reference_match, reference_inliers)]
    for engine in ("opencv", "usac", "batched"):
        geometry = our_inliers(GeometryConfig(engine=engine))
        rows.append(measure(f"same limits, {engine}, 40-d", short, pairs, our_match(near), geometry))
    geometry, match = our_inliers(default.geometry), our_match(default.matching)
    rows.append(measure("default settings, 40-d", short, pairs, match, geometry))
    rows.append(measure("reference, upright 128-d", thousand, pairs, reference_match, reference_inliers))
    rows.append(measure("default, upright 128-d", thousand, pairs, match, geometry))
    rows.append(measure(f"default ({RootSift().config.max_features})", upright, pairs, match, geometry))
    return rows


def main() -> None:
    """Prints the table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=60, help="how many; 0 takes the whole list")
    parser.add_argument("--json", action="store_true", help="print JSON instead of the table")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    warnings.simplefilter("ignore", UserWarning)
    real = (DATA / "same_different.csv").is_file()
    pairs, read = (real_pairs if real else made_pairs)(arguments.pairs)
    rows = run(pairs, read)
    if arguments.json:
        print(json.dumps({"real": real, "pairs": len(pairs), "rows": [row._asdict() for row in rows]}, indent=2))
        return
    print(
        f"{len(pairs)} pairs of {'photographs' if real else 'made textures'}, one thread, median ms of processor time"
    )
    print(f"{'':<30}{'match':>8}{'geometry':>10}{'total':>8}{'ratio':>8}{'own':>8}{'AUC':>8}{'recall@5%':>11}")
    own = rows[0]
    for row in rows:
        own = row if row.name.startswith("reference") else own
        ratio, to_own = rows[0].total_ms / row.total_ms, own.total_ms / row.total_ms
        print(
            f"{row.name:<30}{row.match_ms:>8.2f}{row.geometry_ms:>10.2f}{row.total_ms:>8.2f}{ratio:>8.0f}{to_own:>8.0f}"
            f"{row.auc:>8.3f}{row.recall:>11.3f}"
        )


if __name__ == "__main__":
    main()
