"""Our engines beside the robust estimators of pycolmap, pydegensac and PoseLib, on the same putative matches.

    python benchmarks/estimators.py [--pairs 185] [--peer-venv DIR] [--json]        # --pairs 0: the whole list

Every row sees the same matches: RootSIFT with the default matching of `tfland verify --features sift`. AUC and recall
at 5 % false accepts are those of the number of inliers over the pairs of ../shared/data/same_different.csv; the time
is the median over the pairs of one estimation, in ms of processor time, the better of two.

Ours and the libraries behind our interface try at most 1000 samples. The peers run in an environment of their own
(`python -m venv DIR; DIR/bin/pip install pycolmap pydegensac poselib`) with their own settings but the residual, the
seed and at most 10,000 samples; a package that is absent there is left out and named.
"""

import argparse
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import cv2
import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from delf_verify.config import default_config
from delf_verify.geometry import ENGINES, GeometryConfig, estimate_geometry
from delf_verify.matching import match_pair
from delf_verify.sift import RootSift

DATA = Path(__file__).resolve().parents[1] / "../shared/data"
PEERS = Path(__file__).with_name("estimators_peers.py")
REPEATS = 2
# Pixels, for maps of points and for epipolar lines.
RESIDUALS = {"similarity": 20.0, "affine": 20.0, "homography": 20.0, "fundamental": 3.0}
# 20 px at a diagonal of 1280, the side of 1024 of most photographs here.
DIAGONAL_SHARE = 20 / 1280
# Too slow for a row with samples to spare: seconds a pair.
SLOW = {("skimage", "fundamental"), ("skimage", "homography")}


class Matches(NamedTuple):
    """The putative matches of one pair."""

    query_yx: np.ndarray
    index_yx: np.ndarray
    scale_ratios: np.ndarray
    index_diagonal: float


class Row(NamedTuple):
    """One line of the table."""

    name: str
    model: str
    auc: float
    recall: float
    median_ms: float


def putative_matches(pairs: pd.DataFrame) -> list[Matches]:
    """The matches of every pair by the default settings."""
    extractor, matching = RootSift(), default_config("sift").matching
    images = {name: cv2.imread(str(DATA / name)) for name in sorted({*pairs.a, *pairs.b})}
    features = {name: extractor.extract(np.ascontiguousarray(image[..., ::-1])) for name, image in images.items()}
    found = []
    for a, b in zip(pairs.a, pairs.b, strict=True):
        matches = match_pair(features[a], features[b], matching)
        query, index = matches.query_indices, matches.index_indices
        ratios = features[b].scales[index] / features[a].scales[query]
        places = features[a].locations_yx[query], features[b].locations_yx[index]
        found.append(Matches(*places, ratios, float(np.hypot(*images[b].shape[:2]))))
    return found


def measure(matches: list[Matches], count: Callable[[Matches], int]) -> tuple[list[int], float]:
    """Inliers of every pair, and the median milliseconds."""
    counts, times = [], []
    for one in matches:
        tries = []
        for _ in range(REPEATS):
            started = time.process_time()
            inliers = count(one)
            tries.append(time.process_time() - started)
        counts.append(inliers)
        times.append(min(tries))
    return counts, 1e3 * float(np.median(times))


def our_rows(matches: list[Matches], row: Callable[..., Row]) -> list[Row]:
    """One line for each engine and model, and one with a residual that grows with the photograph."""
    rows = []
    for engine, models in ENGINES.items():
        for model in models:
            if (engine, model) in SLOW:
                continue
            config = GeometryConfig(engine=engine, model=model, residual_px=RESIDUALS[model])
            name = "ours, single matches and scales" if engine == "scales" else f"ours, {engine}"
            rows.append(row(name, model, *measure(matches, lambda m, c=config: inliers(m, c))))
    for engine in ("batched", "scales"):
        config = GeometryConfig(engine=engine)
        name = f"ours, {engine}, residual {DIAGONAL_SHARE:.2%} of the diagonal"
        rows.append(row(name, "affine", *measure(matches, lambda m, c=config: inliers(m, grown(c, m)))))
    return rows


def inliers(matches: Matches, config: GeometryConfig) -> int:
    """What `estimate_geometry` counts."""
    return estimate_geometry(matches.query_yx, matches.index_yx, config, matches.scale_ratios).num_inliers


def grown(config: GeometryConfig, matches: Matches) -> GeometryConfig:
    """The settings with a residual in proportion to the index image."""
    return replace(config, residual_px=DIAGONAL_SHARE * matches.index_diagonal)


def peer_rows(matches: list[Matches], row: Callable[..., Row], venv: Path) -> list[Row]:
    """The lines of the peers, run by their own interpreter; absent packages are printed."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "matches.npz"
        sizes = [len(one.query_yx) for one in matches]
        both = [np.concatenate([m.query_yx[:, ::-1], m.index_yx[:, ::-1]], axis=1) for m in matches]
        np.savez(path, sizes=sizes, points=np.concatenate(both).astype(np.float64))
        command = [str(venv / "bin/python"), str(PEERS), str(path), json.dumps(RESIDUALS)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    answer = json.loads(done.stdout.splitlines()[-1])
    for name in answer["absent"]:
        print(f"absent in {venv}: {name}")
    return [row(one["name"], one["model"], one["counts"], one["median_ms"]) for one in answer["rows"]]


def main() -> None:
    """Prints the table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=185, help="how many; 0 takes the whole list")
    parser.add_argument("--peer-venv", type=Path, help="an environment with pycolmap, pydegensac and poselib")
    parser.add_argument("--json", action="store_true", help="print JSON instead of the table")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    if not (DATA / "same_different.csv").is_file():
        parser.error(f"{DATA / 'same_different.csv'} is absent: this benchmark needs the photographs")
    pairs = pd.read_csv(DATA / "same_different.csv")
    pairs = pairs.iloc[:: max(1, len(pairs) // arguments.pairs) if arguments.pairs else 1]
    same = pairs.same.to_numpy(bool)
    matches = putative_matches(pairs)

    def row(name: str, model: str, counts: list[int], median_ms: float) -> Row:
        scores = np.array(counts)
        others = np.sort(scores[~same])[::-1]
        recall = float((scores[same] > others[int(0.05 * len(others))]).mean())
        made = Row(name, model, float(roc_auc_score(same, scores)), recall, median_ms)
        if not arguments.json:
            print(
                f"{made.name:<48}{made.model:<13}{made.auc:>7.3f}{made.recall:>11.3f}{made.median_ms:>10.2f}",
                flush=True,
            )
        return made

    if not arguments.json:
        median = int(np.median([len(one.query_yx) for one in matches]))
        print(f"{len(pairs)} pairs of photographs, {median} matches in the median, one thread")
        print(f"{'':<48}{'model':<13}{'AUC':>7}{'recall@5%':>11}{'ms':>10}")
    rows = our_rows(matches, row)
    if arguments.peer_venv:
        rows += peer_rows(matches, row, arguments.peer_venv)
    elif not arguments.json:
        print("no --peer-venv: the estimators of pycolmap, pydegensac and PoseLib were left out")
    if arguments.json:
        print(json.dumps({"pairs": len(pairs), "rows": [one._asdict() for one in rows]}, indent=2))


if __name__ == "__main__":
    main()
