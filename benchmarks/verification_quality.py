"""Does verification tell pairs of one place from pairs of two? On photographs, by scenes that were left out.

    python benchmarks/verification_quality.py [--workers 2] [--json] [--write-default]

Pairs: ../shared/data/same_different.csv (370 of 18 scenes). A seed splits the scenes in two halves (pair_quality.py).
What is chosen (the setting of GRID with the highest AUC of the inliers) or fitted (the probability of a pair, tuned
thresholds) uses the pairs inside one half and is reported on the others, both ways round. "held out" pools both: a pair
is judged by what was learnt on the half that does not hold the scene of its first photograph; "strict" leaves out the
pairs of two halves, of whose scenes one was seen, though never this pair. Recall is the share of same pairs above the
threshold that lets at most 5 % (1 %) of the different pairs pass. Times: processor milliseconds a pair, median.

--write-default fits the probability on all pairs, under the default setting, and writes it with the three numbers of
seed 003 to delf_verify/defaults/sift.yaml. The figures of the halves are what to expect of it elsewhere.
"""

import argparse
import itertools
import json
import multiprocessing
import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import cv2
import numpy as np
import pandas as pd
from pair_quality import by_scene, cross_validate, halves, quality, threshold_at

from delf_verify.config import VerifyConfig, default_config
from delf_verify.decision import Thresholds, save_thresholds
from delf_verify.feature_store import as_stored
from delf_verify.features import LocalFeatures
from delf_verify.geometry import GeometryConfig, estimate_geometry
from delf_verify.matching import MatchingConfig, match_pair
from delf_verify.pca import Pca
from delf_verify.probability import PAIR_INPUTS, fit_probability
from delf_verify.sift import RootSift, SiftConfig
from delf_verify.spread import inlier_spread

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / "../shared/data"
DEFAULT_FILE = ROOT / "delf_verify/defaults/sift.yaml"
TURNED = "turned:"

Features = dict[str, LocalFeatures]


class Setting(NamedTuple):
    """One way to verify: which features, how many of them at most, and the settings."""

    name: str
    features: str
    count: int
    config: VerifyConfig


def affine(ratio: float | None, residual_px: float, engine: Any, seed: int = 0) -> VerifyConfig:
    """Mutual neighbours and an affine map."""
    matching = MatchingConfig(max_distance=None, ratio=ratio, mutual=True)
    return VerifyConfig(matching=matching, geometry=GeometryConfig(engine=engine, residual_px=residual_px, seed=seed))


GRID = [
    Setting(f"{count} ratio {ratio} {residual:g} px {engine}", "upright", count, affine(ratio, residual, engine))
    for count, ratio, residual, engine in itertools.product(
        (1000, 2048), (0.9, 0.95, None), (12.0, 20.0), ("batched", "scales")
    )
]
DEFAULT = Setting("default", "upright", 2048, default_config("sift"))
ORIENTED = Setting("sift:oriented", "oriented", 2048, default_config("sift:oriented"))
REFERENCE = "reference, 40-d, 1000"
# The strongest so many of these are taken.
EXTRACTORS = {"upright": SiftConfig(), "oriented": SiftConfig(max_features=4096, upright=False)}
OTHERS = [
    Setting("before: ratio 0.9, batched, seed 0", "upright", 2048, affine(0.9, 20, "batched")),
    *(Setting(f"  the same, seed {s}", "upright", 2048, affine(0.9, 20, "batched", s)) for s in (1, 2, 3)),
    Setting("default at 1000 features", "upright", 1000, default_config("sift")),
    DEFAULT,
    ORIENTED,
]

# What the processes see: they are forked after it is filled.
_features: dict[str, Features] = {}


def read(name: str) -> np.ndarray:
    """A photograph as RGB; "turned:NAME" is turned by 90 degrees."""
    image = cv2.imread(str(DATA / name.removeprefix(TURNED)))[..., ::-1]
    return np.ascontiguousarray(np.rot90(image) if name.startswith(TURNED) else image)


def extract(job: tuple[SiftConfig, str]) -> tuple[LocalFeatures, float]:
    """The features of one photograph, and the seconds they took."""
    cv2.setNumThreads(1)
    image, started = read(job[1]), time.process_time()
    return as_stored(RootSift(job[0]).extract(image)), time.process_time() - started


def extract_all(config: SiftConfig, names: list[str], workers: int) -> tuple[Features, float]:
    """The features by name and the median seconds a photograph."""
    with multiprocessing.get_context("fork").Pool(workers) as pool:
        found = pool.map(extract, [(config, name) for name in names], chunksize=4)
    return {name: features for name, (features, _) in zip(names, found, strict=True)}, float(
        np.median([seconds for _, seconds in found])
    )


def verify_one(job: tuple[str, str, list[Setting]]) -> list[tuple[int, float, float, float]]:
    """Inliers, inlier ratio, spread and milliseconds of one pair under each setting; equal matching is done once."""
    a, b, settings = job
    matched: dict[Any, tuple] = {}
    rows = []
    for setting in settings:
        key = (setting.features, setting.count, setting.config.matching)
        if key not in matched:
            first, second = (_features[setting.features][name].strongest(setting.count) for name in (a, b))
            started = time.process_time()
            putative = match_pair(first, second, setting.config.matching)
            matched[key] = first, second, putative, time.process_time() - started
        first, second, putative, spent = matched[key]
        started = time.process_time()
        query, index = putative.query_indices, putative.index_indices
        geometry = estimate_geometry(
            first.locations_yx[query],
            second.locations_yx[index],
            setting.config.geometry,
            second.scales[index] / first.scales[query],
        )
        spent += time.process_time() - started
        ratio = geometry.num_inliers / max(1, len(putative))
        spread = round(inlier_spread(first, second, putative, geometry.inlier_mask), 6)
        rows.append((geometry.num_inliers, ratio, spread, 1e3 * spent))
    return rows


def reference_one(job: tuple[str, str, str, float | None]) -> list[tuple[int, float, float, float]]:
    """Likewise with a library: nearest below 0.8, or ratio and mutual test; OpenCV's affine RANSAC, 20 px."""
    a, b, features, ratio = job
    first, second = _features[features][a], _features[features][b]
    limit = 0.8 if ratio is None else None
    started = time.process_time()
    found = match_pair(first, second, MatchingConfig(max_distance=limit, ratio=ratio, mutual=ratio is not None))
    query, index = first.locations_yx[found.query_indices], second.locations_yx[found.index_indices]
    count = 0
    if len(found) >= 3:
        _, inliers = cv2.estimateAffine2D(
            query, index, method=cv2.RANSAC, ransacReprojThreshold=20, maxIters=1000, confidence=0.999
        )
        count = 0 if inliers is None else int(inliers.sum())
    return [(count, count / max(1, len(found)), 0.0, 1e3 * (time.process_time() - started))]


def measure(
    work: Callable[[Any], list[tuple]], jobs: list[Any], names: list[str], workers: int
) -> dict[str, pd.DataFrame]:
    """The evidence of all jobs by setting: num_inliers, inlier_ratio, spread, ms."""
    with multiprocessing.get_context("fork").Pool(workers) as pool:
        found = list(zip(*pool.map(work, jobs, chunksize=8), strict=True))
    columns = [*PAIR_INPUTS, "ms"]
    return {name: pd.DataFrame(list(rows), columns=columns) for name, rows in zip(names, found, strict=True)}


def collect(pairs: pd.DataFrame, workers: int) -> tuple[dict[str, pd.DataFrame], dict[str, float], dict[str, float]]:
    """The evidence of every setting, seconds a photograph by extractor, and recall on turned photographs."""
    names = sorted({*pairs["a"], *pairs["b"]})
    seconds = {}
    for name, config in EXTRACTORS.items():
        _features[name], seconds[name] = extract_all(config, names, workers)
    plain = {name: features.strongest(1000) for name, features in _features["oriented"].items()}
    pca = Pca.fit(np.concatenate([features.descriptors for features in plain.values()]), 40)
    _features["40-d"] = {n: replace(f, descriptors=pca.project(f.descriptors)) for n, f in plain.items()}
    listed = list(zip(pairs["a"], pairs["b"], strict=True))
    evidence = {}
    for name, features, ratio in ((REFERENCE, "40-d", None), ("reference, 128-d, 4096", "oriented", 0.9)):
        evidence |= measure(reference_one, [(a, b, features, ratio) for a, b in listed], [name], workers)
    settings = [*OTHERS, *GRID]
    evidence |= measure(verify_one, [(a, b, settings) for a, b in listed], [s.name for s in settings], workers)
    return evidence, seconds, turned_recall(pairs, evidence, workers)


def turned_recall(pairs: pd.DataFrame, evidence: dict[str, pd.DataFrame], workers: int) -> dict[str, float]:
    """Recall at 5 % false accepts where the first photograph of the same pairs is turned by 90 degrees."""
    same = pairs["same"].to_numpy()
    listed = [(TURNED + a, b) for a, b in pairs.loc[same, ["a", "b"]].itertuples(index=False)]
    for name, config in EXTRACTORS.items():
        _features[name] |= extract_all(config, sorted({a for a, _ in listed}), workers)[0]
    settings = [DEFAULT, ORIENTED]
    counted = measure(verify_one, [(a, b, settings) for a, b in listed], [s.name for s in settings], workers)
    found = {}
    for name, table in counted.items():
        limit = threshold_at(evidence[name]["num_inliers"].to_numpy(), same, 0.05)
        found[name] = float((table["num_inliers"] > limit).mean())
    return found


def tables(pairs: pd.DataFrame, workers: int) -> tuple[dict[str, Any], pd.DataFrame]:
    """All figures, and the evidence of the default."""
    evidence, seconds, turned = collect(pairs, workers)
    same = pairs["same"].to_numpy()
    in_a, in_b = halves(pairs)
    held = cross_validate(pairs, evidence, grid=[s.name for s in GRID], default=DEFAULT.name, reference=REFERENCE)
    strict = in_a == in_b
    result: dict[str, Any] = {"pairs": len(pairs), "seconds_per_photograph": seconds, "turned_recall5": turned}
    result["settings"] = {
        name: quality(table["num_inliers"].to_numpy(), same) | {"ms": float(table["ms"].median())}
        for name, table in evidence.items()
    }
    result["chosen"] = held.chosen
    scores = {
        "held out, inliers": held.inliers,
        "held out, probability": held.probability,
        "held out, probability of the default": held.of_default,
    }
    result["held_out"] = {name: quality(values, same) for name, values in scores.items()}
    result["held_out"] |= {f"{n}, strict": quality(v[strict], same[strict]) for n, v in scores.items()}
    result["strict_pairs"] = int(strict.sum())
    result["rules"] = {n: (float(v[same].mean()), float(v[~same].mean())) for n, v in held.verdicts.items()}
    result["scenes"] = by_scene(pairs, held.of_default)
    return result, evidence[DEFAULT.name]


def show(result: dict[str, Any]) -> None:
    """Prints the tables."""
    row = "{:<48}{:>8.3f}{:>8.3f}{:>8.3f}".format
    print(f"{result['pairs']} pairs\n{'inliers, all pairs':<48}{'AUC':>8}{'at 5 %':>8}{'at 1 %':>8}{'ms':>8}")
    for name, found in result["settings"].items():
        print(row(name, found["auc"], found["recall5"], found["recall1"]) + f"{found['ms']:>8.1f}")
    print(f"chosen on the halves: {result['chosen']}; strict: {result['strict_pairs']} pairs")
    for name, found in result["held_out"].items():
        print(row(name, found["auc"], found["recall5"], found["recall1"]))
    print(f"{'rule':<48}{'true':>8}{'false':>8}   accepted")
    for name, (true, false) in result["rules"].items():
        print(f"{name:<48}{true:>8.3f}{false:>8.3f}")
    print(f"{'scene (held-out probability of the default)':<48}{'pairs':>8}{'AUC':>8}{'at 5 %':>8}")
    for scene, count, auc, recall in result["scenes"]:
        print(f"{scene:<48}{count:>8}{auc:>8.3f}{recall:>8.2f}")
    print("recall at 5 %, first photograph turned by 90 degrees:", result["turned_recall5"])
    print("seconds a photograph:", {name: round(value, 3) for name, value in result["seconds_per_photograph"].items()})


def main() -> None:
    """Prints the tables, or JSON, and writes the default on request."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    parser.add_argument("--write-default", action="store_true", help=f"write {DEFAULT_FILE.relative_to(ROOT)}")
    arguments = parser.parse_args()
    pairs = pd.read_csv(DATA / "same_different.csv")
    pairs["same"] = pairs["same"] == 1
    result, evidence = tables(pairs, arguments.workers)
    if arguments.write_default:
        fit = fit_probability(evidence, pairs["same"], PAIR_INPUTS)
        save_thresholds(Thresholds(extractor=RootSift().fingerprint, pair=fit), DEFAULT_FILE)
    if arguments.json:
        print(json.dumps(result, indent=2))
    else:
        show(result)


if __name__ == "__main__":
    main()
