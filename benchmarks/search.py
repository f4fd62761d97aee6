"""Times exact search beside faiss, scikit-learn and NumPy on a processor, or beside torch.topk on a GPU.

    python benchmarks/search.py [--queries 2000] [--index 500000] [--size 512] [--k 10] [--rounds 3]
    KERAS_BACKEND=jax python benchmarks/search.py --device gpu [--index 4100000] [--queries 117000]

Unit vectors around random centres, in float32 (processor) or float16 (made on the GPU). Every round runs each engine
once, in turns (scikit-learn once in all); medians. Loading is timed apart: `SearchIndex(in_memory=True)` and
`IndexFlatIP.add`. On a GPU torch is left out where it is not installed.
"""

import argparse
import os
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from tfland.recognition.search import top_k
from tfland.recognition.search_approximate import build_approximate, recall
from tfland.recognition.search_index import SearchIndex


def clustered(rows: int, size: int, seed: int) -> np.ndarray:
    """Returns unit vectors [rows, size] float32, twenty around each of many centres; a few megabytes at a time."""
    vectors = np.empty((rows, size), np.float32)
    for start in range(0, rows, 20_000):
        rng = np.random.default_rng([seed, start])
        part = vectors[start : start + 20_000]
        centres = np.random.default_rng([7, start]).standard_normal((1000, size), dtype=np.float32)
        part[:] = centres[rng.integers(0, 1000, len(part))] + rng.standard_normal(part.shape, dtype=np.float32)
        part /= np.linalg.norm(part, axis=1, keepdims=True)
    return vectors


def timed(work: Callable[[], Any]) -> tuple[float, float, Any]:
    """Returns wall seconds, processor seconds and the result."""
    wall, processor = time.perf_counter(), time.process_time()
    result = work()
    return time.perf_counter() - wall, time.process_time() - processor, result


def on_processor(options: argparse.Namespace) -> None:
    """Prints the table of one machine's processor."""
    import faiss
    from sklearn.neighbors import NearestNeighbors

    queries, vectors = clustered(options.queries, options.size, 1), clustered(options.index, options.size, 2)
    loading, _, index = timed(lambda: SearchIndex(vectors, in_memory=True))
    flat = faiss.IndexFlatIP(options.size)
    bare_loading, _, _ = timed(lambda: flat.add(vectors))
    brute = NearestNeighbors(n_neighbors=options.k, algorithm="brute", metric="cosine").fit(vectors)
    warm_up = queries[:64]
    runs: dict[str, Callable[[np.ndarray], Any]] = {
        "bare faiss IndexFlatIP": lambda q: flat.search(q, options.k),
        "top_k, faiss": lambda q: top_k(q, index, options.k, engine="faiss"),
        "top_k, keras": lambda q: top_k(q, index, options.k, engine="keras"),
        "top_k, keras, nothing loaded": lambda q: top_k(q, vectors, options.k, engine="keras"),
        "scikit-learn, brute force": lambda q: brute.kneighbors(q),
    }
    if not options.approximate:
        building = 0.0
    else:
        building, _, _ = timed(lambda: build_approximate(index))
        runs["top_k, faiss-approximate"] = lambda q: top_k(q, index, options.k, engine="faiss-approximate")
    for run in runs.values():
        run(warm_up)
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in runs}
    found = {}
    for number in range(options.rounds):
        for name, run in runs.items():
            if name.startswith("scikit") and number:
                continue
            wall, processor, found[name] = timed(lambda run=run: run(queries))
            times[name].append((wall, processor))
    print(f"{options.queries} x {options.index} x {options.size}, k = {options.k}, {os.cpu_count()} cores")
    print(f"loading: SearchIndex {loading:.2f} s, faiss {bare_loading:.2f} s, approximate lists {building:.1f} s")
    print(f"{'':<32}{'wall s':>8}{'cpu s':>8}{'bare faiss / it, wall':>23}{'cpu':>7}  same rows")
    base_wall, base_cpu = np.median(times["bare faiss IndexFlatIP"], axis=0)
    exact = found["top_k, faiss"][1]
    for name, pairs in times.items():
        wall, cpu = np.median(pairs, axis=0)
        share = recall(np.asarray(found[name][1]), exact)
        print(f"{name:<32}{wall:>8.2f}{cpu:>8.2f}{base_wall / wall:>23.2f}{base_cpu / cpu:>7.2f}  {share:.6f}")


def on_gpu(options: argparse.Namespace) -> None:
    """Prints the table of a GPU, with JAX; torch in a process of its own would not share its memory."""
    import jax
    import jax.numpy as jnp

    def make(rows: int, seed: int) -> Any:
        vectors = jax.random.normal(jax.random.key(seed), (rows, options.size), jnp.float16)
        return (vectors / jnp.linalg.norm(vectors.astype(jnp.float32), axis=1, keepdims=True)).astype(jnp.float16)

    index = make(options.index, 2)
    queries = np.asarray(make(options.queries, 1))
    jax.block_until_ready(index)
    print(
        f"{options.queries} x {options.index} x {options.size} float16, k = {options.k}, {jax.devices()[0].device_kind}"
    )
    wrapped = SearchIndex(index)
    search = lambda: top_k(queries, wrapped, options.k, engine="keras", block_bytes=options.block_bytes)  # noqa: E731
    first, _, _ = timed(search)
    walls = [timed(search)[0] for _ in range(options.rounds)]
    _, _, (scores, rows) = timed(search)
    print(f"top_k, keras: {np.median(walls):.2f} s (first, with compiling, {first:.2f} s)")
    try:
        import torch
    except ImportError:
        print("torch.topk: torch is not installed here")
        return
    device = "cuda" if torch.cuda.is_available() else "cpu"
    theirs_index = torch.utils.dlpack.from_dlpack(index) if device == "cuda" else torch.tensor(np.asarray(index))
    theirs_queries = torch.tensor(queries, device=device)
    torch_search(theirs_queries[:256], theirs_index, options.k)
    wall, _, (_, theirs) = timed(lambda: torch_search(theirs_queries, theirs_index, options.k))
    print(f"torch.topk in blocks: {wall:.2f} s, {recall(theirs, rows):.6f} of our rows; best cosine {scores.max():.4f}")


def torch_search(queries: Any, index: Any, k: int, query_block: int = 4096, index_block: int = 262_144) -> tuple:
    """`torch.topk` of float16 products in blocks, merged by `torch.topk`."""
    import torch

    found_values, found_rows = [], []
    for start in range(0, len(queries), query_block):
        values = torch.empty((len(queries[start : start + query_block]), 0), dtype=index.dtype, device=index.device)
        rows = torch.empty(values.shape, dtype=torch.int64, device=index.device)
        for first in range(0, len(index), index_block):
            best = torch.topk(queries[start : start + query_block] @ index[first : first + index_block].T, k, dim=1)
            values = torch.cat([values, best.values], dim=1)
            rows = torch.cat([rows, best.indices + first], dim=1)
            values, places = torch.topk(values, k, dim=1)
            rows = torch.gather(rows, 1, places)
        found_values.append(values.float().cpu())
        found_rows.append(rows.cpu())
    return torch.cat(found_values).numpy(), torch.cat(found_rows).numpy()


def main() -> None:
    """Reads the options and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=["processor", "gpu"], default="processor")
    parser.add_argument("--queries", type=int)
    parser.add_argument("--index", type=int)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--k", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--approximate", action="store_true", help="also build and search faiss's inverted lists")
    parser.add_argument("--block-bytes", type=int, default=8 << 30, help="GPU: memory of a search")
    options = parser.parse_args()
    gpu = options.device == "gpu"
    options.queries = options.queries or (117_000 if gpu else 2000)
    options.index = options.index or (4_100_000 if gpu else 500_000)
    (on_gpu if gpu else on_processor)(options)


if __name__ == "__main__":
    main()
