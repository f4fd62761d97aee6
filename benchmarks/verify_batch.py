"""Times the verification of many: one query against a landmark's index images, and a whole batch of predictions.

    python benchmarks/verify_batch.py                                    # one query beside cKDTree and faiss
    python benchmarks/verify_batch.py --batch 1000 3000 10000 [--features 1000] [--workers 1 2]

One query: 1000 features of 40 numbers against 50 index images with 1000 each, K = 10 among their 50,000 descriptors,
0.8 at most, on one core; RootSIFT of ../shared/data/scenes projected by a PCA, or made ones where that is absent. The
last lines are the way of the default for RootSIFT (128 numbers, ratio 0.9 and mutual, image by image) at the same
count, beside OpenCV's brute force. Processor time, best of `--repeats`; engines take turns.

Batch: so many predictions, one a query, each against the 20 index images of its landmark (a landmark has 20 queries);
made features in feature stores, as an extractor would have left them, and then `verify_batch` in a process of its own:
wall and processor seconds, and the peak of the memory (PSS) of all its processes.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import cv2
import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from delf_verify.config import VerifyConfig, default_config
from delf_verify.evidence import match_images, verify_query
from delf_verify.feature_store import FeatureStore
from delf_verify.features import LocalFeatures
from delf_verify.matching import AggregatedIndex, MatchingConfig
from delf_verify.pca import Pca
from delf_verify.sift import RootSift, SiftConfig
from delf_verify.verify import Photographs, verify_batch

SCENES = Path(__file__).resolve().parents[1] / "../shared/data/scenes"
FEATURES, DIMENSIONS, IMAGES, NEIGHBORS, MAX_DISTANCE = 1000, 40, 50, 10, 0.8
IMAGES_PER_LANDMARK = QUERIES_PER_LANDMARK = 20
# Standard deviations of made descriptors: with it as many neighbours are within 0.8 as among RootSIFT under PCA (70 %).
SPECTRUM = (1 + np.arange(DIMENSIONS)) ** -0.55


def real_features() -> list[LocalFeatures]:
    """The strongest 1000 RootSIFT of a query and 50 other photographs of the scenes."""
    extractor, found = RootSift(SiftConfig(max_features=FEATURES)), []
    paths = sorted(path for path in SCENES.rglob("*") if path.suffix.lower() in (".jpg", ".png"))
    for path in paths[:: max(1, len(paths) // 80)]:
        features = extractor.extract(np.ascontiguousarray(cv2.imread(str(path))[..., ::-1]))
        if len(features) == FEATURES:
            found.append(features)
    if len(found) <= IMAGES:
        raise ValueError(f"{SCENES} has {len(found)} photographs with {FEATURES} features, {IMAGES + 1} are needed")
    return found[: IMAGES + 1]


def descriptors(rng: np.random.Generator, count: int) -> np.ndarray:
    """[count, 40] float32 of unit length, as near to each other as those of photographs are."""
    rows = rng.normal(size=(count, DIMENSIONS)) * SPECTRUM
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


class Landmark:
    """A plane with features of which every view shows half at other places, beside others of its own (60 %)."""

    def __init__(self, number: int, features: int = FEATURES) -> None:
        self._seed, self._shown, self._others = number, features * 2 // 5, features - features * 2 // 5
        rng = np.random.default_rng([number, 0])
        self._places, self._descriptors = rng.uniform(0, 800, (2 * self._shown, 2)), descriptors(rng, 2 * self._shown)

    def view(self, number: int) -> LocalFeatures:
        """One photograph's features."""
        rng = np.random.default_rng([self._seed, 1 + number])
        shown = rng.permutation(2 * self._shown)[: self._shown]
        matrix = np.eye(2) + rng.uniform(-0.2, 0.2, (2, 2))
        places = np.concatenate(
            [self._places[shown] @ matrix + rng.normal(0, 2, (self._shown, 2)), rng.uniform(0, 800, (self._others, 2))]
        )
        same = self._descriptors[shown] + rng.normal(0, 0.06, (self._shown, DIMENSIONS))
        rows = np.concatenate([same / np.linalg.norm(same, axis=1, keepdims=True), descriptors(rng, self._others)])
        return LocalFeatures(places, rows, rng.random(len(rows)), np.ones(len(rows)))


def made_features() -> list[LocalFeatures]:
    """A query and 50 photographs, every fifth of the query's landmark."""
    return [Landmark(0 if number % 5 == 0 else number).view(number) for number in range(IMAGES + 1)]


def best_of(repeats: int, runs: dict[str, Callable[[], Any]]) -> dict[str, float]:
    """Processor milliseconds of each, in turns."""
    best = dict.fromkeys(runs, np.inf)
    for _ in range(repeats):
        for name, run in runs.items():
            started = time.process_time()
            run()
            best[name] = min(best[name], 1e3 * (time.process_time() - started))
    return best


def one_query(repeats: int) -> None:
    """Prints the table of one query."""
    import faiss

    faiss.omp_set_num_threads(1)
    cv2.setNumThreads(1)
    real = SCENES.is_dir()
    long = real_features() if real else made_features()
    pca = Pca.fit(np.concatenate([one.descriptors for one in long]), DIMENSIONS) if real else None
    short = [
        LocalFeatures(
            one.locations_yx, pca.project(one.descriptors) if pca else one.descriptors, one.scores, one.scales
        )
        for one in long
    ]
    print(f"{'photographs' if real else 'made features'}, {FEATURES} x {IMAGES * FEATURES}, one core")
    aggregated(short, repeats)
    one_by_one(long, repeats)


def aggregated(features: list[LocalFeatures], repeats: int) -> None:
    """Times K = 10 among all descriptors, as for DELF."""
    import faiss

    query, names = features[0], [str(number) for number in range(IMAGES)]
    every = np.concatenate([one.descriptors for one in features[1:]])
    started = time.process_time()
    tree = cKDTree(every)
    building = 1e3 * (time.process_time() - started)
    flat = faiss.IndexFlatL2(DIMENSIONS)
    flat.add(every)
    config = VerifyConfig(matching=MatchingConfig(num_neighbors=NEIGHBORS, max_distance=MAX_DISTANCE))
    index = AggregatedIndex(names, features[1:])
    our = index.neighbors(query.descriptors, config.matching)
    theirs = tree.query(query.descriptors, k=NEIGHBORS, distance_upper_bound=MAX_DISTANCE)
    rows = np.where(np.isfinite(theirs[0]), theirs[1], -1)
    same = (np.sort(our[1]) == np.sort(rows)).all(axis=1).mean()
    runs = {
        "faiss IndexFlatL2": lambda: flat.search(query.descriptors, NEIGHBORS),
        "ours": lambda: index.neighbors(query.descriptors, config.matching),
        "ours, index not built before": lambda: AggregatedIndex(names, features[1:]).neighbors(
            query.descriptors, config.matching
        ),
        "ours, with grouping and geometry": lambda: verify_query(query, index, config),
    }
    # The tree is searched once: it is slow, and alike every time.
    times = best_of(1, {"cKDTree": lambda: tree.query(query.descriptors, NEIGHBORS, distance_upper_bound=MAX_DISTANCE)})
    times |= best_of(repeats, runs)
    print(f"cKDTree is built in {building:.0f} ms; queries with the same neighbours as its: {same:.1%}")
    print_times(times, "ours")


def one_by_one(features: list[LocalFeatures], repeats: int) -> None:
    """Times ratio and mutual test image by image, as for RootSIFT."""
    query, config = features[0], default_config("sift")
    index = AggregatedIndex([str(number) for number in range(IMAGES)], features[1:])
    matcher = cv2.BFMatcher(cv2.NORM_L2)

    def opencv() -> list[Any]:
        return [
            (matcher.knnMatch(query.descriptors, one.descriptors, 2), matcher.match(one.descriptors, query.descriptors))
            for one in features[1:]
        ]

    name = f"ours, {features[0].descriptors.shape[1]} numbers, ratio and mutual"
    runs: dict[str, Callable[[], Any]] = {
        name: lambda: index.match(query, config.matching),
        "with geometry": lambda: match_images(query, index, config),
    }
    times = best_of(1, {"OpenCV BFMatcher, both ways": opencv}) | best_of(repeats, runs)
    print_times(times, name)


def print_times(times: dict[str, float], ours: str) -> None:
    """Prints one line each."""
    for name, milliseconds in times.items():
        print(f"{name:<44}{milliseconds:>10.1f} ms{milliseconds / times[ours]:>9.2f}")


def write_world(folder: Path, queries: int, features: int) -> None:
    """Feature stores, predictions and index of a batch; half of the predictions are right."""
    fingerprint, landmarks = RootSift().fingerprint, -(-queries // QUERIES_PER_LANDMARK)
    index, predictions = [], []
    with (
        FeatureStore(folder / "index", fingerprint) as index_store,
        FeatureStore(folder / "query", fingerprint) as store,
    ):
        for landmark in range(landmarks):
            plane = Landmark(landmark, features)
            for number in range(IMAGES_PER_LANDMARK):
                name = f"i{landmark:05d}x{number:02d}"
                index.append((name, landmark))
                index_store.add(name, plane.view(number))
            for number in range(min(QUERIES_PER_LANDMARK, queries - landmark * QUERIES_PER_LANDMARK)):
                name = f"q{landmark:05d}x{number:02d}"
                predictions.append((name, landmark, number / 100))
                store.add(name, (plane if number % 2 else Landmark(1_000_000 + landmark, features)).view(1000 + number))
    pd.DataFrame(index, columns=["id", "landmark_id"]).to_csv(folder / "index.csv", index=False)
    pd.DataFrame(predictions, columns=["id", "landmark_id", "score"]).to_csv(folder / "predictions.csv", index=False)


class NoPhotographs:
    """A source that nobody asks: all features are there."""

    def read(self, image_id: str) -> np.ndarray:
        """Never called."""
        raise LookupError(f"{image_id} has no features")


def verify_world(folder: Path, out: Path, workers: int) -> None:
    """Runs the batch in this process."""
    verify_batch(
        predictions=pd.read_csv(folder / "predictions.csv"),
        index=pd.read_csv(folder / "index.csv"),
        queries=Photographs(source=NoPhotographs(), name="none", features=folder / "query"),
        index_images=Photographs(source=NoPhotographs(), name="none", features=folder / "index"),
        features="sift",
        out_dir=out,
        config=VerifyConfig(),
        workers=workers,
    )


def processes_of(root: int) -> Iterator[int]:
    """A process and its descendants."""
    yield root
    for task in Path(f"/proc/{root}/task").glob("*/children"):
        for child in task.read_text().split():
            yield from processes_of(int(child))


def tree_memory(root: int) -> float:
    """MiB of PSS of a process and its descendants."""
    total = 0.0
    try:
        for process in processes_of(root):
            lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
            total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024
    except OSError:
        return total  # one has just ended
    return total


def batch_row(folder: Path, queries: int, workers: int) -> str:
    """Runs a batch in its own process; returns a line of the table."""
    out = Path(tempfile.mkdtemp(dir=folder))
    before, started, peak = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter(), 0.0
    line = [sys.executable, __file__, "--run", str(folder), str(out), "--workers", str(workers)]
    process = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None:
        peak = max(peak, tree_memory(process.pid))
        time.sleep(0.2)
    seconds, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    if process.returncode:
        raise ChildProcessError(f"{' '.join(line)} ended with {process.returncode}")
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    size = sum(path.stat().st_size for path in out.iterdir() if path.is_file()) / 2**20
    return (
        f"{queries:>8}{workers:>9}{seconds:>10.0f}{queries / seconds:>12.1f}{processor:>12.0f}"
        f"{1e3 * processor / queries:>17.1f}{peak:>10.0f}{size:>12.1f}"
    )


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--batch", type=int, nargs="*", default=[], help="predictions; none: the table of one query")
    parser.add_argument("--features", type=int, default=FEATURES, help="of a made photograph")
    parser.add_argument("--workers", type=int, nargs="*", default=[1, 2])
    parser.add_argument("--folder", type=Path, help="for 200 kB a query; a temporary one if absent")
    parser.add_argument("--run", type=Path, nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        verify_world(*options.run, options.workers[0])
        return
    if not options.batch:
        one_query(options.repeats)
        return
    print(f"{IMAGES_PER_LANDMARK} index images a query, {options.features} x {DIMENSIONS} features each")
    print(
        f"{'queries':>8}{'workers':>9}{'seconds':>10}{'queries/s':>12}{'processor s':>12}{'ms of it each':>17}"
        f"{'MiB':>10}{'tables, MiB':>12}"
    )
    for queries in options.batch:
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            write_world(Path(folder), queries, options.features)
            for workers in options.workers:
                print(batch_row(Path(folder), queries, workers), flush=True)


if __name__ == "__main__":
    main()
