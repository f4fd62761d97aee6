"""Speed of `tfland toyworld`, and whether local features can tell its landmarks apart.

    python benchmarks/toyworld.py [--out DIR]

The first table is the whole command's rate and its processor time (on a shared machine the second is the one to
trust). The second is the area under the ROC curve of RANSAC inliers between a query and its best of ten training
photographs: of its own landmark against another, and of its own landmark against queries that show none.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

PAIRS = 300
INDEX_IMAGES = 10
RATIO = 0.85
RESIDUAL_PX = 6.0


def run_command(out: Path, arguments: list[str]) -> dict[str, float]:
    """Runs the whole command in a new process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    program = """
import sys, typer
from tfland.cli.toyworld import register
from tfrecords_builder.terminal import run_app
app = typer.Typer()
app.callback()(lambda: None)
register(app)
sys.exit(run_app(app))
"""
    command = [sys.executable, "-c", program, "toyworld", "--out", str(out), *arguments]
    subprocess.run(command, check=True, capture_output=True)
    seconds = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    count = sum(1 for _ in out.rglob("*.jpg"))
    return {"images": count, "wall_s": seconds, "images/s": count / seconds, "cpu_ms/image": 1e3 * processor / count}


class Matcher:
    """SIFT, ratio test and an affine RANSAC between photographs of one folder."""

    def __init__(self, root: Path) -> None:
        self._root, self._cache = root, {}
        self._sift = cv2.SIFT_create(1000, contrastThreshold=0.02)

    def features(self, split: str, image: str) -> tuple[np.ndarray, np.ndarray]:
        """([N, 2] positions, [N, 128] RootSIFT descriptors) of a photograph."""
        if image not in self._cache:
            path = self._root / split / image[0] / image[1] / image[2] / f"{image}.jpg"
            points, descriptors = self._sift.detectAndCompute(cv2.imread(str(path), 0), None)
            descriptors = np.zeros((0, 128), np.float32) if descriptors is None else descriptors
            descriptors = np.sqrt(descriptors / np.maximum(descriptors.sum(axis=1, keepdims=True), 1e-9))
            self._cache[image] = np.float32([p.pt for p in points]).reshape(-1, 2), descriptors
        return self._cache[image]

    def inliers(self, query: tuple[np.ndarray, np.ndarray], index: tuple[np.ndarray, np.ndarray]) -> int:
        """Number of matches that agree with one affine map."""
        if min(len(query[0]), len(index[0])) < 3:
            return 0
        products = query[1] @ index[1].T
        order = np.argpartition(-products, 1, axis=1)[:, :2]
        two = np.sort(2 - 2 * np.take_along_axis(products, order, axis=1), axis=1)
        good = two[:, 0] < RATIO**2 * two[:, 1]
        if good.sum() < 3:
            return 0
        nearest = products.argmax(axis=1)[good]
        _, kept = cv2.estimateAffine2D(
            query[0][good], index[0][nearest], method=cv2.RANSAC, ransacReprojThreshold=RESIDUAL_PX, maxIters=1000
        )
        return 0 if kept is None else int(kept.sum())

    def best(self, query: str, index: list[str]) -> int:
        """Largest number of inliers of a query with any of the training photographs."""
        mine = self.features("test", query)
        return max(self.inliers(mine, self.features("train", image)) for image in index)


def auc(positive: list[int], negative: list[int]) -> float:
    """Area under the ROC curve, ties counting half."""
    p, n = np.array(positive)[:, None], np.array(negative)[None]
    return float((p > n).mean() + 0.5 * (p == n).mean())


def matchability(root: Path, seed: int = 0) -> dict[str, float]:
    """How well inliers tell a query's own landmark from another, and from no landmark."""
    rng = np.random.default_rng(seed)
    train = pd.read_csv(root / "train.csv")
    index = {landmark: rows["id"].tolist() for landmark, rows in train.groupby("landmark_id")}
    solution = pd.read_csv(root / "solution.csv", dtype={"landmarks": "Int64"})
    known = solution.dropna(subset=["landmarks"]).sample(frac=1, random_state=seed)[: PAIRS // 2]
    unknown = solution[solution["landmarks"].isna()].sample(frac=1, random_state=seed)[: PAIRS // 2]
    matcher = Matcher(root)
    landmarks = sorted(index)

    def some(landmark: int) -> list[str]:
        images = index[landmark]
        return [images[i] for i in rng.permutation(len(images))[:INDEX_IMAGES]]

    same = [matcher.best(row.id, some(row.landmarks)) for row in known.itertuples()]
    others = [rng.choice([x for x in landmarks if x != row.landmarks]) for row in known.itertuples()]
    other = [matcher.best(row.id, some(x)) for row, x in zip(known.itertuples(), others, strict=True)]
    none = [matcher.best(row.id, some(int(rng.choice(landmarks)))) for row in unknown.itertuples()]
    return {
        "AUC same/other": auc(same, other),
        "AUC same/distractor": auc(same, none),
        "median inliers same": float(np.median(same)),
        "median inliers other": float(np.median(other)),
        "95% inliers other": float(np.quantile(other, 0.95)),
        "same above that": float((np.array(same) > np.quantile(other, 0.95)).mean()),
    }


def print_table(title: str, row: dict[str, float]) -> None:
    """Prints one column of figures."""
    print(title)
    for name, value in row.items():
        print(f"  {name:<24}{value:10.3f}")


def main() -> None:
    """Prints both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="an existing toyworld to judge; without it one is made")
    options = parser.parse_args()
    if options.out:
        print_table(f"matchability of {options.out}", matchability(options.out))
        return
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "toyworld"
        print_table("tfland toyworld, default settings", run_command(out, []))
        print_table("matchability, best of ten training photographs", matchability(out))


if __name__ == "__main__":
    main()
