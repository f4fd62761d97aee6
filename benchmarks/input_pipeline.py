"""Times the training input beside a plain tf.data pipeline, a torch DataLoader and a bare decode-and-crop loop.

    python benchmarks/input_pipeline.py [--images N] [--batches N] [--repeats N] [--processes N] [--peer-venv DIR]
    python benchmarks/input_pipeline.py --quality      PSNR of the quick decoding against the full one
    python benchmarks/input_pipeline.py --worker NAME  (one measurement; the benchmark starts these itself)

The photographs are those of ../shared/data with a side of at least 800 pixels, shrunk to 800, JPEG quality 90; where
they are absent, generated ones of 800 x 600. Our builder packs them into shards. Every pipeline gives shuffled
[64, 224, 224, 3] uint8 batches and labels, from a shortest-side crop or from random-resized crops of 8 % to 100 % of
the area, mirrored at random:

- ours: `tfland.data.pipeline.training_dataset`;
- plain: interleaved TFRecordDataset, shuffle buffer, decode_jpeg, tf.image.resize (bilinear), autotuned;
- torch: DataLoader over the same photographs as files, cv2.imread, albumentations (SmallestMaxSize + CenterCrop, or
  RandomResizedCrop), the 2020 winner's way; torch, albumentations and OpenCV in an environment of their own; where
  torch cannot be installed, the same with a multiprocessing pool and OpenCV alone ("pool");
- bare: TensorFlow's decode_and_crop_jpeg of the same windows in a loop on as many threads, photographs in memory; no
  resizing, no batches. The windows of random-resized crops are those that ours draws.

Each measurement is a process of its own; after a first batch it counts wall time and the processor time of the process
and its workers. The best of the repeats counts. On a shared machine the ratio of processor times is the one to trust.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from input_peers import BATCH, SIZE, WORKERS

ROOT = Path(__file__).resolve().parents[1]
REAL = ROOT / "../shared/data"
LONGEST = 800
CROPS = {"shortest": "shortest-side crop", "random": "random-resized crops"}
TARGETS = {"plain": {"shortest": 1.15, "random": 1.3}, "torch": {"shortest": 1.8, "random": 1.8}}
TARGETS["pool"], TARGETS["bare"] = TARGETS["torch"], {"shortest": 0.9, "random": 0.9}


def pictures() -> Iterator[np.ndarray]:
    """Photographs (BGR uint8) of 800 pixels, real where there are some."""
    paths = sorted(REAL.rglob("*.jpg")) if REAL.is_dir() else []
    found = 0
    for path in paths:
        pixels = cv2.imread(str(path))
        if pixels is not None and max(pixels.shape) >= LONGEST:
            scale, found = LONGEST / max(pixels.shape[:2]), found + 1
            yield cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    if not found:
        sys.path.insert(0, str(Path(__file__).parent))
        from build import texture

        yield from (texture(600, LONGEST, seed) for seed in range(100))


def make_shards(work: Path, count: int) -> int:
    """Writes photographs and shards below `work`; returns how many different photographs there are."""
    images, rows, distinct = work / "images", ["id,landmark_id"], []
    images.mkdir()
    for number, pixels in enumerate(pictures()):
        distinct.append(images / f"p{number:06d}.jpg")
        cv2.imwrite(str(distinct[-1]), pixels, [cv2.IMWRITE_JPEG_QUALITY, 90])
    for number in range(len(distinct), count):
        os.link(distinct[number % len(distinct)], images / f"p{number:06d}.jpg")
    for path in sorted(images.iterdir())[count:]:
        path.unlink()
    rows += [f"{path.stem},{number % 10}" for number, path in enumerate(sorted(images.iterdir()))]
    (work / "train.csv").write_text("\n".join(rows) + "\n")
    line = [sys.executable, "-m", "tfrecords_builder", "shards", "--csv", work / "train.csv", "--images", images]
    line += ["--out", work / "shards", "--num-shards", "8"]
    subprocess.run(list(map(str, line)), cwd=ROOT, check=True, capture_output=True)
    return min(count, len(distinct))


def processor_seconds() -> float:
    """Of this process and of those children that have ended."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def children_seconds() -> float:
    """Processor time of the children that live."""
    ticks = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == os.getpid():
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def measure(name: str, work: Path, crop: str, batches: int, processes: int) -> dict[str, float]:
    """Runs one pipeline: milliseconds a photograph, wall and processor, from the first batch on."""
    iterator = WORKERS[name](work, crop, batches, processes)
    first = next(iterator)
    if name != "bare":
        assert tuple(first[0].shape) == (BATCH, SIZE, SIZE, 3), first[0].shape
    started, processor = time.perf_counter(), processor_seconds() + children_seconds()
    done, living = 0, 0.0
    for _ in iterator:
        done += 1
        if done == batches - 1:
            break
    living = children_seconds()
    seconds = time.perf_counter() - started
    used = processor_seconds() + living - processor
    return {"wall": 1e3 * seconds / (done * BATCH), "processor": 1e3 * used / (done * BATCH)}


def run_worker(python: Path | str, name: str, work: Path, crop: str, arguments: argparse.Namespace) -> dict[str, float]:
    """One measurement in a process of its own."""
    line = [python, __file__, "--worker", name, "--work", work, "--crop", crop]
    line += ["--batches", arguments.batches, "--processes", arguments.processes]
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": str(ROOT), "NO_ALBUMENTATIONS_UPDATE": "1"}
    done = subprocess.run(list(map(str, line)), capture_output=True, text=True, env=environment)
    if done.returncode:
        raise RuntimeError(f"{name}: {done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def peer_python(venv: Path) -> Path | None:
    """The environment with torch and albumentations; None where they cannot be installed."""
    python = venv / "bin/python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    packages = ["torch", "albumentations", "opencv-python-headless"]
    subprocess.run([python, "-m", "pip", "install", "--quiet", *packages], capture_output=True)
    found = subprocess.run([python, "-c", "import torch, albumentations"], capture_output=True)
    return None if found.returncode else python


def compare(arguments: argparse.Namespace, work: Path) -> None:
    """Prints both tables."""
    distinct = make_shards(work, arguments.images)
    python = peer_python(arguments.peer_venv)
    names = ["ours", "plain", "pool" if python is None else "torch", "bare"]
    print(
        f"{arguments.images} photographs ({distinct} different), {arguments.processes} threads or processes", end="; "
    )
    print(f"batches of {BATCH}, best of {arguments.repeats}" + ("" if python else "; torch did not install: pool"))
    for crop, title in CROPS.items():
        results: dict[str, list[dict[str, float]]] = {name: [] for name in names}
        for _ in range(arguments.repeats):
            for name in names:
                which = python if name == "torch" and python else sys.executable
                results[name].append(run_worker(which, name, work, crop, arguments))
        best = {name: {k: min(r[k] for r in runs) for k in ("wall", "processor")} for name, runs in results.items()}
        print(f"\n| {title} | images/s | processor ms each | speed of ours, wall | by processor | target |")
        print("|---|---|---|---|---|---|")
        for name in names:
            one, mine = best[name], best["ours"]
            ratio = f"{one['wall'] / mine['wall']:.2f} | {one['processor'] / mine['processor']:.2f}"
            target = TARGETS.get(name, {}).get(crop, "")
            print(f"| {name} | {1e3 / one['wall']:.0f} | {one['processor']:.2f} | {ratio} | {target} |", flush=True)


def quality(limit: int) -> None:
    """Prints the PSNR of three ways to scale against full decoding with antialiasing."""
    import tensorflow as tf

    from tfland.data.resize import decode_fast, decode_view
    from tfland.data.views import View

    print("| shrink | quick decoding, dB | full decoding, bilinear without antialiasing, dB |\n|---|---|---|")
    images = [pixels for pixels, _ in zip(pictures(), range(limit), strict=False)]
    for shrink in (1.15, 1.33, 1.56, 1.8, 1.99, 2.0, 2.3, 2.6):
        side, rows = 2 * round(shrink * SIZE / 2), []
        for pixels in images:
            if min(pixels.shape[:2]) < side:
                continue
            encoded = tf.constant(cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes())
            # Even, so that half-size pixels lie on full ones: else the quick window is up to a pixel beside it.
            corner = [(pixels.shape[0] - side) // 2 * 2, (pixels.shape[1] - side) // 4 * 2]
            view, shape = View(tf.constant([*corner, side, side]), (SIZE, SIZE)), tf.constant(pixels.shape[:2])
            full = decode_view(encoded, view, (SIZE, SIZE))
            quick = decode_fast(encoded, shape, view, (SIZE, SIZE))
            window = tf.io.decode_and_crop_jpeg(encoded, view.window, channels=3)
            rows.append([psnr(quick, full), psnr(tf.image.resize(window, [SIZE, SIZE]), full)])
        print(f"| {shrink} | {np.median(rows, axis=0)[0]:.1f} | {np.median(rows, axis=0)[1]:.1f} |", flush=True)


def psnr(one: np.ndarray, other: np.ndarray) -> float:
    """In dB, of values in 0..255."""
    return float(10 * np.log10(255**2 / np.mean((np.asarray(one) - np.asarray(other)) ** 2)))


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--batches", type=int, default=40)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--peer-venv", type=Path, default=Path(tempfile.gettempdir()) / "input_peer_venv")
    parser.add_argument("--quality", action="store_true")
    parser.add_argument("--worker", choices=sorted(WORKERS))
    parser.add_argument("--work", type=Path)
    parser.add_argument("--crop", choices=sorted(CROPS))
    arguments = parser.parse_args()
    if arguments.worker:
        print(
            json.dumps(
                measure(arguments.worker, arguments.work, arguments.crop, arguments.batches, arguments.processes)
            )
        )
    elif arguments.quality:
        quality(30)
    else:
        with tempfile.TemporaryDirectory() as work:
            compare(arguments, Path(work))


if __name__ == "__main__":
    main()
