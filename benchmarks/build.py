"""Times `tfland build shards` beside img2dataset and beside the bare decode-resize-encode loop, on two processes each.

    python benchmarks/build.py [--images N] [--repeats N] [--sizes "6 Mpx" "1600 px"] [--download] [--peer-venv DIR]
    python benchmarks/build.py --memory [10000 200000]

The photographs are generated: texture at all scales, 3000 x 2000 and 1600 x 1200 pixels, JPEG quality 90. A set of
distinct ones is hard-linked to as many ids as are asked for. All write JPEGs of quality 95 whose longest side is 512
pixels. img2dataset (installed into an environment of its own) runs twice: from the folder, as file:// URLs, and from a
local HTTP server; ours reads the folder and, with --download, the same server (`build download`, then `build shards`).
img2dataset writes its webdataset form: its TFRecord writer needs tensorflow-io, which it does not install. The bare
loop is cv2.imdecode, cv2.resize, cv2.imencode in two processes, without start-up, once decoding in full and once at the
fraction that our rule takes.

Seconds are of the whole process, processor time that of all its processes; the best of the repeats counts. On a shared
machine the ratio of processor times is the one to trust.

`--memory` builds from small photographs (256 px, hard links again) and samples the memory of all processes (PSS) above
that of a process that has only read the catalogue.
"""

import argparse
import functools
import http.server
import multiprocessing
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
SIZES = {"6 Mpx": (2000, 3000), "1600 px": (1200, 1600)}
SIDE, QUALITY, WORKERS, DISTINCT = 512, 95, 2, 40


def texture(height: int, width: int, seed: int) -> np.ndarray:
    """Detail whose strength falls with its fineness, as in photographs: uint8 BGR."""
    rng, total = np.random.default_rng(seed), np.full((height, width, 3), 128, np.float32)
    for cells, strength in ((8, 60), (32, 40), (128, 25), (512, 15), (1500, 8)):
        coarse = rng.normal(0, strength, (max(2, cells * height // width), cells, 3)).astype(np.float32)
        total += cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return total.clip(0, 255).astype(np.uint8)


def make_photographs(folder: Path, count: int, height: int, width: int) -> Path:
    """Writes `count` photographs at a/b/c/abc….jpg and train.csv; returns the folder."""
    images = folder / "images"
    rows, distinct = ["id,landmark_id"], []
    for number in range(count):
        image_id = f"{number * 0x9E3779B97F4A7C15 % 2**64:016x}"
        path = images / image_id[0] / image_id[1] / image_id[2] / f"{image_id}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        if number < DISTINCT:
            cv2.imwrite(str(path), texture(height, width, number), [cv2.IMWRITE_JPEG_QUALITY, 90])
            distinct.append(path)
        else:
            os.link(distinct[number % DISTINCT], path)
        rows.append(f"{image_id},{number % 50}")
    (folder / "train.csv").write_text("\n".join(rows) + "\n")
    return folder


def timed(line: list[object]) -> tuple[float, float]:
    """Runs a command; returns its seconds and the processor time of all its processes."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(list(map(str, line)), cwd=ROOT, capture_output=True, text=True)
    seconds, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise RuntimeError(f"{line}: {done.stdout[-2000:]} {done.stderr[-2000:]}")
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def build_command(csv: Path, images: Path, out: Path) -> list[object]:
    """Our build."""
    line = [sys.executable, "-m", "tfrecords_builder", "shards", "--csv", csv, "--images", images, "--out", out]
    return [*line, "--max-side", SIDE, "--quality", QUALITY, "--num-shards", 8, "--workers", WORKERS]


def ours(folder: Path, out: Path) -> tuple[float, float]:
    """Our build from the folder."""
    return timed(build_command(folder / "train.csv", folder / "images", out))


def paths_of(folder: Path) -> list[Path]:
    """All photographs."""
    return sorted((folder / "images").rglob("*.jpg"))


def write_urls(folder: Path, prefix: str) -> Path:
    """Writes id,url,landmark_id with URLs that start with `prefix`."""
    path = folder / f"{prefix.split(':')[0]}.csv"
    rows = [f"{p.stem},{prefix}{p.relative_to(folder / 'images')},{n % 50}" for n, p in enumerate(paths_of(folder))]
    path.write_text("\n".join(["id,url,landmark_id", *rows]) + "\n")
    return path


def peer(venv: Path, urls: Path, count: int, out: Path) -> tuple[float, float]:
    """img2dataset from URLs; fails where it did not write every photograph."""
    line = [venv / "bin/img2dataset", "--url_list", urls, "--input_format", "csv", "--url_col", "url"]
    line += ["--output_folder", out, "--output_format", "webdataset", "--image_size", SIDE]
    line += ["--resize_mode", "keep_ratio_largest", "--resize_only_if_bigger", "True", "--encode_quality", QUALITY]
    line += ["--processes_count", WORKERS, "--thread_count", 16, "--enable_wandb", "False"]
    result = timed([*line, "--number_sample_per_shard", -(-count // 8)])
    written = sum(
        subprocess.run(["tar", "tf", tar], capture_output=True, text=True, check=True).stdout.count(".jpg")
        for tar in out.glob("*.tar")
    )
    assert written == count, f"img2dataset wrote {written} of {count} photographs"
    return result


def bare_loop(scaled: bool, paths: list[Path]) -> tuple[float, float]:
    """Decodes, resizes and encodes in this process, one thread; returns the end's seconds since the start, and CPU."""
    from tfrecords_builder.resizing import decoding_divisor, fitted_size

    flags = {1: cv2.IMREAD_COLOR, 2: cv2.IMREAD_REDUCED_COLOR_2, 4: cv2.IMREAD_REDUCED_COLOR_4}
    cv2.setNumThreads(1)
    started, processor = time.perf_counter(), time.process_time()
    height, width = cv2.imread(str(paths[0])).shape[:2]
    size = fitted_size(height, width, SIDE)
    flag = flags[decoding_divisor(height, width, size) if scaled else 1]
    for path in paths:
        pixels = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), flag)
        small = cv2.resize(pixels, size[::-1], interpolation=cv2.INTER_AREA)
        cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return time.perf_counter() - started, time.process_time() - processor


def bare(folder: Path, scaled: bool) -> tuple[float, float]:
    """The bare loop in as many processes as the builds have."""
    paths = paths_of(folder)
    with multiprocessing.get_context("spawn").Pool(WORKERS) as pool:
        pool.map(cv2.setNumThreads, [1] * WORKERS)  # start-up is over
        results = pool.map(functools.partial(bare_loop, scaled), [paths[n::WORKERS] for n in range(WORKERS)], 1)
    return max(seconds for seconds, _ in results), sum(processor for _, processor in results)


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves files without a line for each."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Says nothing."""


def serve(folder: Path, port: multiprocessing.Queue) -> None:
    """Serves a folder on a free local port for ever."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    port.put(server.server_port)
    server.serve_forever()


def ours_http(folder: Path, urls: Path, out: Path) -> tuple[float, float]:
    """`build download`, then `build shards`."""
    line = [sys.executable, "-m", "tfrecords_builder", "download", "--csv", urls, "--out", out / "images"]
    line += ["--contact", "benchmark@example.org", "--allow-private-hosts", "127.0.0.0/8", "--rate", 10_000]
    line += ["--per-host", 16]
    first = timed(line)
    second = timed(build_command(folder / "train.csv", out / "images", out / "shards"))
    return first[0] + second[0], first[1] + second[1]


def compare(name: str, count: int, repeats: int, venv: Path, work: Path, download: bool) -> None:
    """Prints the table of one size of photographs."""
    folder = make_photographs(work / name.replace(" ", ""), count, *SIZES[name])
    context = multiprocessing.get_context("spawn")
    port: multiprocessing.Queue = context.Queue()
    server = context.Process(target=serve, args=(folder / "images", port), daemon=True)
    server.start()
    from_file = write_urls(folder, f"file://{folder / 'images'}/")
    from_http = write_urls(folder, f"http://127.0.0.1:{port.get()}/")
    runs = {
        "tfland build shards, folder": lambda out: ours(folder, out),
        "img2dataset, folder": lambda out: peer(venv, from_file, count, out),
        "img2dataset, HTTP": lambda out: peer(venv, from_http, count, out),
        "bare loop, full decode": lambda _: bare(folder, False),
        "bare loop, our scaled decode": lambda _: bare(folder, True),
    }
    if download:
        runs["tfland build download + shards, HTTP"] = lambda out: ours_http(folder, from_http, out)
    results: dict[str, list[tuple[float, float]]] = {label: [] for label in runs}
    for _ in range(repeats):
        for label, run in runs.items():
            with tempfile.TemporaryDirectory(dir=work) as out:
                results[label].append(run(Path(out) / "out"))
    server.terminate()
    best = {label: np.min(values, axis=0) for label, values in results.items()}
    print(f"\n{name}, {count} photographs, best of {repeats}\n")
    print("| | photographs/s | processor ms each | speed of ours, wall | by processor |\n|---|---|---|---|---|")
    mine = best["tfland build shards, folder"]
    for label, (seconds, processor) in best.items():
        ratio = f"{seconds / mine[0]:.2f} | {processor / mine[1]:.2f}"
        print(f"| {label} | {count / seconds:.1f} | {1e3 * processor / count:.1f} | {ratio} |")


def tree_memory(root: int) -> float:
    """Proportional memory of a process and all below it, in MiB."""
    children: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        children.setdefault(int(fields[1]), []).append(int(path.parent.name))
    total, stack = 0.0, [root]
    while stack:
        process = stack.pop()
        stack += children.get(process, [])
        try:
            lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024
    return total


def peak_memory(line: list[object]) -> tuple[float, float]:
    """Runs a command; returns the peak of its memory in MiB, and its seconds."""
    started, peak = time.perf_counter(), 0.0
    process = subprocess.Popen(list(map(str, line)), cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None:
        peak = max(peak, tree_memory(process.pid))
        time.sleep(0.1)
    assert process.returncode == 0
    return peak, time.perf_counter() - started


def measure_memory(counts: list[int], work: Path) -> None:
    """Prints peak memory by number of photographs."""
    print("| photographs | catalogue alone, MiB | build, two workers, MiB | beyond the catalogue | seconds |")
    print("|---|---|---|---|---|")
    for count in counts:
        folder = make_photographs(work / str(count), count, 192, 256)
        code = "import sys, time; from tfrecords_builder import catalog as c; t = c.read_photographs(sys.argv[1])"
        code += "; time.sleep(1)"
        alone, _ = peak_memory([sys.executable, "-c", code, folder / "train.csv"])
        line = build_command(folder / "train.csv", folder / "images", folder / "out")
        peak, seconds = peak_memory([*line, "--max-side", 128])
        print(f"| {count} | {alone:.0f} | {peak:.0f} | {peak - alone:.0f} | {seconds:.0f} |", flush=True)


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--sizes", nargs="+", choices=list(SIZES), default=list(SIZES))
    parser.add_argument("--peer-venv", type=Path, default=Path(tempfile.gettempdir()) / "img2dataset_venv")
    parser.add_argument("--memory", type=int, nargs="*", default=None, metavar="N")
    parser.add_argument("--download", action="store_true", help="also time our download over HTTP")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        if arguments.memory is not None:
            measure_memory(arguments.memory or [10_000, 200_000], Path(temporary))
            return
        venv = arguments.peer_venv
        if not (venv / "bin/img2dataset").exists():
            subprocess.run([sys.executable, "-m", "venv", venv], check=True)
            subprocess.run([venv / "bin/pip", "install", "--quiet", "img2dataset"], check=True)
        for name in arguments.sizes:
            compare(name, arguments.images, arguments.repeats, venv, Path(temporary), arguments.download)


if __name__ == "__main__":
    main()
