"""Times the 2020 winner's whole ranking beside the steps of their published notebook, written again with torch.

    python benchmarks/ranking.py [--queries 20000] [--index 200000] [--non-landmarks 5000] [--size 512]
        [--engine auto] [--block-mib 128] [--peer-venv DIR]

The peer does what seed 001 and descriptions of its code say: L2, scikit-learn's QuantileTransformer fitted on the
queries, L2, then cosines by batches of 512 queries against the whole index, clamped to [0, 1], less penalty B,
`torch.topk`, a dictionary a query for the sums by landmark, and penalty C. It runs in an environment of its own with
torch (CPU), NumPy and scikit-learn, made where --peer-venv has none. Each side is a process that reads the same .npy
files; its peak memory is that of the process, libraries included. Seconds are of the steps after reading and importing.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ["torch", "numpy", "scikit-learn"]
BATCH = 512


def peer(folder: Path) -> np.ndarray:
    """The notebook's steps; returns landmark and score of each query, [Q, 2] float64."""
    import torch
    from sklearn.preprocessing import QuantileTransformer

    def load(name: str) -> np.ndarray:
        return np.load(folder / f"{name}.npy")

    def unit(rows: np.ndarray) -> np.ndarray:
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    def topk_cosine(
        left: "torch.Tensor", right: "torch.Tensor", k: int, penalties: "torch.Tensor | None" = None
    ) -> tuple:
        values, rows = [], []
        for start in range(0, len(left), BATCH):
            similarity = left[start : start + BATCH] @ right.T
            if penalties is not None:
                similarity = torch.clamp(similarity, 0, 1) - penalties[None]
            best = torch.topk(similarity, k, dim=1)
            values.append(best.values)
            rows.append(best.indices)
        return torch.cat(values), torch.cat(rows)

    queries, index, pool = (load(name) for name in ("queries", "index", "pool"))
    landmarks = load("landmarks")
    started = time.perf_counter(), time.process_time()
    queries, index, pool = (unit(part) for part in (queries, index, pool))
    transformer = QuantileTransformer(output_distribution="normal", random_state=0).fit(queries)
    parts = (torch.nn.functional.normalize(torch.tensor(transformer.transform(p))) for p in (queries, index, pool))
    queries, index, pool = parts
    steps = {"quantile": time.perf_counter() - started[0]}
    penalties = topk_cosine(index, pool, 5)[0].mean(dim=1)
    steps["B"] = time.perf_counter() - started[0]
    values, rows = topk_cosine(queries, index, 3, penalties)
    steps["A"] = time.perf_counter() - started[0]
    similar = topk_cosine(queries, pool, 10)[0].mean(dim=1).numpy()
    result = np.empty((len(queries), 2))
    for number, (scores, labels) in enumerate(zip(values.numpy(), landmarks[rows.numpy()], strict=True)):
        sums: dict[int, float] = {}
        for score, label in zip(scores, labels, strict=True):
            sums[label] = sums.get(label, 0.0) + score
        best = max(sums, key=lambda label: sums[label])
        result[number] = best, sums[best] - similar[number]
    _report(folder, "peer", started, steps, result)
    return result


def ours(folder: Path) -> np.ndarray:
    """The same by `tfland.recognition.ranking`; TensorFlow's loading is not counted, as torch's is not."""
    import keras

    from tfland.recognition.ranking import Ranker, index_penalties
    from tfland.recognition.ranking_config import RankingConfig
    from tfland.recognition.spaces import prepare

    keras.distribution.list_devices()
    arrays = (np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("queries", "index", "pool"))
    queries, index, pool = ([array] for array in arrays)
    landmarks = np.load(folder / "landmarks.npy")
    options = json.loads((folder / "options.json").read_text())
    started = time.perf_counter(), time.process_time()
    config = RankingConfig(engine=options["engine"], block_bytes=options["block_mib"] << 20)
    spaces = prepare(queries, index, pool, config)
    del queries, index, pool
    steps = {"quantile": time.perf_counter() - started[0]}
    penalties = [index_penalties(space, config) for space in spaces]
    steps["B"] = time.perf_counter() - started[0]
    count = len(spaces[0].queries)
    best = Ranker(spaces, penalties, landmarks, config).rank(0, count).best()
    steps["A"] = time.perf_counter() - started[0]
    result = np.stack([best.landmark_ids, best.scores.astype(np.float64)], axis=1)
    _report(folder, "ours", started, steps, result)
    return result


def _report(folder: Path, name: str, started: tuple[float, float], steps: dict, result: np.ndarray) -> None:
    figures = {"wall": time.perf_counter() - started[0], "processor": time.process_time() - started[1], "steps": steps}
    figures["peak_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    np.save(folder / f"{name}.npy", result)
    (folder / f"{name}.json").write_text(json.dumps(figures))


def make_world(folder: Path, options: argparse.Namespace) -> None:
    """Writes embeddings of landmarks with some twenty photographs each; half of the queries show none of them."""
    rng = np.random.default_rng(0)
    count = max(1, options.index // 20)
    centres = rng.standard_normal((count, options.size), dtype=np.float32)
    landmarks = rng.integers(0, count, options.index)
    shown = rng.integers(0, count, options.queries)

    def near(rows: np.ndarray, spread: float) -> np.ndarray:
        return rows + spread * rng.standard_normal(rows.shape, dtype=np.float32)

    queries = near(centres[shown], 1.2)
    queries[::2] = rng.standard_normal(queries[::2].shape, dtype=np.float32)
    np.save(folder / "queries.npy", queries)
    np.save(folder / "index.npy", near(centres[landmarks], 1.0))
    np.save(folder / "pool.npy", rng.standard_normal((options.non_landmarks, options.size), dtype=np.float32))
    np.save(folder / "landmarks.npy", landmarks)
    (folder / "options.json").write_text(json.dumps({"engine": options.engine, "block_mib": options.block_mib}))


def peer_python(venv: Path) -> Path:
    """Returns the interpreter of the peer's environment, which is made where it is missing."""
    python = venv / "bin/python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
    if subprocess.run([str(python), "-c", "import torch, sklearn"], capture_output=True, check=False).returncode:
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *PACKAGES], check=True)
    return python


def main() -> None:
    """Makes the embeddings, runs both and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--queries", type=int, default=20_000)
    parser.add_argument("--index", type=int, default=200_000)
    parser.add_argument("--non-landmarks", type=int, default=5_000)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--engine", default="auto")
    parser.add_argument("--block-mib", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--peer-venv", type=Path, default=Path(tempfile.gettempdir()) / "ranking_peer_venv")
    parser.add_argument("--side", choices=["ours", "peer"], help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side:
        {"ours": ours, "peer": peer}[options.side](options.folder)
        return
    python = peer_python(options.peer_venv)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_world(folder, options)
        sizes = f"{options.queries} x {options.index} x {options.non_landmarks} x {options.size}"
        print(f"{sizes}, engine {options.engine}, {options.block_mib} MiB")
        print(f"{'':<8}{'wall s':>8}{'cpu s':>8}{'MiB':>7}  steps ended at")
        for _ in range(options.rounds):
            for side, interpreter in (("peer", python), ("ours", Path(sys.executable))):
                command = [str(interpreter), __file__, "--side", side, "--folder", name]
                subprocess.run(command, cwd=ROOT, check=True)
                figures = json.loads((folder / f"{side}.json").read_text())
                steps = ", ".join(f"{step} {seconds:.1f}" for step, seconds in figures["steps"].items())
                print(
                    f"{side:<8}{figures['wall']:>8.1f}{figures['processor']:>8.1f}{figures['peak_mib']:>7.0f}  {steps}"
                )
        compare(np.load(folder / "peer.npy"), np.load(folder / "ours.npy"))


def compare(theirs: np.ndarray, found: np.ndarray) -> None:
    """Prints on how many queries both agree, and by how much their scores differ."""
    same = theirs[:, 0] == found[:, 0]
    differ = np.abs(theirs - found)[same, 1].max()
    print(f"same landmark: {same.sum()} of {len(same)}; largest difference of scores {differ:.1e}")


if __name__ == "__main__":
    main()
