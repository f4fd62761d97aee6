"""The peers' half of benchmarks/estimators.py; it runs in their environment and needs nothing but NumPy beside them.

PEER_VENV/bin/python benchmarks/estimators_peers.py matches.npz '{"affine": 20, ...}'
"""

import importlib
import json
import sys
import time
from collections.abc import Callable

import numpy as np

REPEATS, MAX_SAMPLES, SEED = 2, 10_000, 0

# (query_xy [M, 2], index_xy [M, 2], residual_px) -> inliers
Count = Callable[[np.ndarray, np.ndarray, float], int]


def of_mask(mask: object) -> int:
    """How many are inliers; none where there is no mask."""
    return 0 if mask is None else int(np.count_nonzero(mask))


def pycolmap_counts(pycolmap: object) -> dict[str, Count]:
    """LO-RANSAC of COLMAP."""

    def call(estimate: Callable) -> Count:
        def count(query: np.ndarray, index: np.ndarray, residual_px: float) -> int:
            options = pycolmap.RANSACOptions(max_error=residual_px, max_num_trials=MAX_SAMPLES, random_seed=SEED)
            found = estimate(query, index, options)
            return 0 if found is None else of_mask(found["inlier_mask"])

        return count

    return {
        "affine": call(pycolmap.estimate_affine2d_robust),
        "homography": call(pycolmap.estimate_homography_matrix),
        "fundamental": call(pycolmap.estimate_fundamental_matrix),
    }


def poselib_counts(poselib: object) -> dict[str, Count]:
    """LO-RANSAC of PoseLib."""

    def call(estimate: Callable) -> Count:
        def count(query: np.ndarray, index: np.ndarray, residual_px: float) -> int:
            # Homographies are limited by the first name, epipolar distances by the second.
            options = {"max_iterations": MAX_SAMPLES, "seed": SEED}
            options |= {"max_reproj_error": residual_px, "max_epipolar_error": residual_px}
            return of_mask(estimate(query, index, options)[1].get("inliers"))

        return count

    return {"homography": call(poselib.estimate_homography), "fundamental": call(poselib.estimate_fundamental)}


def pydegensac_counts(pydegensac: object) -> dict[str, Count]:
    """LO-RANSAC with the degeneracy test of Chum, Werner and Matas."""

    def call(estimate: Callable) -> Count:
        def count(query: np.ndarray, index: np.ndarray, residual_px: float) -> int:
            return of_mask(estimate(query, index, residual_px, 0.999, MAX_SAMPLES, seed=SEED)[1])

        return count

    return {"homography": call(pydegensac.findHomography), "fundamental": call(pydegensac.findFundamentalMatrix)}


PEERS = {"pycolmap": pycolmap_counts, "poselib": poselib_counts, "pydegensac": pydegensac_counts}
# Below these an estimator raises, or answers with what it was given.
MIN_MATCHES = {"affine": 4, "homography": 5, "fundamental": 8}


def measure(pairs: list[np.ndarray], count: Count, residual_px: float, min_matches: int) -> tuple[list[int], float]:
    """Inliers of every pair, and the median milliseconds of processor time."""
    counts, times = [], []
    for pair in pairs:
        query, index = np.ascontiguousarray(pair[:, :2]), np.ascontiguousarray(pair[:, 2:])
        tries, inliers = [], 0
        for _ in range(REPEATS):
            started = time.process_time()
            if len(pair) >= min_matches:
                inliers = count(query, index, residual_px)
            tries.append(time.process_time() - started)
        counts.append(inliers)
        times.append(min(tries))
    return counts, 1e3 * float(np.median(times))


def main() -> None:
    """Prints one line of JSON."""
    with np.load(sys.argv[1], allow_pickle=False) as file:
        pairs = np.split(file["points"], np.cumsum(file["sizes"])[:-1])
    residuals = json.loads(sys.argv[2])
    rows, absent = [], []
    for package, counts_of in PEERS.items():
        try:
            module = importlib.import_module(package)
        except ImportError:
            absent.append(package)
            continue
        for model, count in counts_of(module).items():
            counts, median_ms = measure(pairs, count, residuals[model], MIN_MATCHES[model])
            rows.append({"name": package, "model": model, "counts": counts, "median_ms": median_ms})
    print(json.dumps({"rows": rows, "absent": absent}))


if __name__ == "__main__":
    main()
