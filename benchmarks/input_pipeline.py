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
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
REAL = ROOT / "../shared/data"
SIZE, BATCH, LONGEST, AREA_MIN, SHUFFLE = 224, 64, 800, 0.08, 512
CROPS = {"shortest": "shortest-side crop", "random": "random-resized crops"}
TARGETS = {"plain": {"shortest": 1.15, "random": 1.3}, "torch": {"shortest": 1.8, "random": 1.8}}
TARGETS["pool"], TARGETS["bare"] = TARGETS["torch"], {"shortest": 0.9, "random": 0.9}
Batches = Iterator[tuple[np.ndarray, np.ndarray]]


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


def our_config(work: Path, crop: str):
    """Our `data` section."""
    from tfland.config import DataConfig

    kinds = {
        "shortest": {"resize": "shortest_side", "crop": "none"},
        "random": {"crop": "random_resized", "crop_area_min": AREA_MIN},
    }
    plain = {"image_size": SIZE, "rotation_degrees": 0.0, "colour_jitter": 0.0}
    return DataConfig(shards=str(work / "shards"), **plain, **kinds[crop])


def ours(work: Path, crop: str, batches: int, processes: int) -> Batches:
    """The product's pipeline; its thread count is that of the machine."""
    from tfland.data import pipeline
    from tfland.data.records import index_split

    pipeline._THREADS = processes
    index = index_split(work / "shards", "train")
    config = our_config(work, crop)
    dataset = pipeline.training_dataset(index, config, batch_size=BATCH, seed=0, start_step=0, num_steps=batches)
    return iter(dataset)


def plain(work: Path, crop: str, batches: int, _processes: int) -> Batches:
    """What TensorFlow's guides show."""
    import tensorflow as tf

    from tfrecords_builder import schema

    features = {schema.ENCODED: tf.io.FixedLenFeature([], tf.string), schema.LABEL: tf.io.FixedLenFeature([], tf.int64)}

    def shortest_side(image):
        sides = tf.cast(tf.shape(image)[:2], tf.float32)
        scaled = tf.cast(tf.math.ceil(sides * (SIZE / tf.reduce_min(sides))), tf.int32)
        return tf.image.resize_with_crop_or_pad(tf.image.resize(image, scaled), SIZE, SIZE)

    def random_resized(image):
        begin, size, _ = tf.image.sample_distorted_bounding_box(
            tf.shape(image), tf.zeros([1, 0, 4]), area_range=(AREA_MIN, 1), aspect_ratio_range=(0.75, 1.333),
            use_image_if_no_bounding_boxes=True,
        )  # fmt: skip
        return tf.image.resize(tf.slice(image, begin, size), [SIZE, SIZE])

    def prepare(record):
        parsed = tf.io.parse_single_example(record, features)
        image = tf.io.decode_jpeg(parsed[schema.ENCODED], channels=3)
        image = shortest_side(image) if crop == "shortest" else random_resized(image)
        return tf.cast(tf.image.random_flip_left_right(image), tf.uint8), parsed[schema.LABEL]

    files = tf.data.Dataset.list_files(str(work / "shards/*.tfrecord"), seed=0)
    records = files.interleave(tf.data.TFRecordDataset, num_parallel_calls=tf.data.AUTOTUNE).repeat().shuffle(SHUFFLE)
    examples = records.map(prepare, num_parallel_calls=tf.data.AUTOTUNE)
    return iter(examples.batch(BATCH, drop_remainder=True).take(batches).prefetch(tf.data.AUTOTUNE))


def bare(work: Path, crop: str, batches: int, processes: int) -> Batches:
    """Decodes and crops, no more; the windows are made beforehand."""
    from concurrent.futures import ThreadPoolExecutor

    import tensorflow as tf

    from tfland.data import augment
    from tfland.data.views import training_view

    config, paths = our_config(work, crop), sorted((work / "images").iterdir())
    encoded = [tf.constant(path.read_bytes()) for path in paths]
    shapes = [tf.io.extract_jpeg_shape(one)[:2] for one in encoded]

    @tf.function
    def window(shape, number):
        return training_view(shape, augment.chance(augment.draw(tf.stack([0, number]), config)), config).window

    work_list = [
        (encoded[n % len(paths)], window(shapes[n % len(paths)], tf.constant(n, tf.int64)))
        for n in range(batches * BATCH)
    ]

    @tf.function(input_signature=[tf.TensorSpec([], tf.string), tf.TensorSpec([4], tf.int32)])
    def decode(one, box):
        return tf.size(tf.io.decode_and_crop_jpeg(one, box, channels=3))

    def batch(number: int) -> tuple[np.ndarray, np.ndarray]:
        return np.array([decode(*item) for item in work_list[number * BATCH : (number + 1) * BATCH]]), np.empty(0)

    with ThreadPoolExecutor(processes) as threads:
        yield from threads.map(batch, range(batches))


class Files:
    """Photographs as files, for torch: albumentations on what OpenCV reads."""

    def __init__(self, work: Path, crop: str, batches: int) -> None:
        import albumentations

        self._paths, self._count = sorted((work / "images").iterdir()), batches * BATCH
        self._order = np.random.default_rng(0).permutation(self._count) % len(self._paths)
        chosen = [albumentations.SmallestMaxSize(SIZE), albumentations.CenterCrop(SIZE, SIZE)]
        if crop == "random":
            chosen = [albumentations.RandomResizedCrop(size=(SIZE, SIZE), scale=(AREA_MIN, 1))]
        self._change = albumentations.Compose([*chosen, albumentations.HorizontalFlip(p=0.5)])

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, number: int) -> tuple[np.ndarray, int]:
        pixels = cv2.cvtColor(cv2.imread(str(self._paths[self._order[number]])), cv2.COLOR_BGR2RGB)
        return self._change(image=pixels)["image"], number % 10


def torch_loader(work: Path, crop: str, batches: int, processes: int) -> Batches:
    """The 2020 winner's way."""
    import torch

    cv2.setNumThreads(0)
    torch.set_num_threads(1)
    files = Files(work, crop, batches)
    return iter(torch.utils.data.DataLoader(files, batch_size=BATCH, num_workers=processes, drop_last=True))


def read_one(job: tuple[str, str, int]) -> np.ndarray:
    """A photograph through OpenCV alone."""
    path, crop, seed = job
    cv2.setNumThreads(1)
    rng, pixels = np.random.default_rng(seed), cv2.cvtColor(cv2.imread(path), cv2.COLOR_BGR2RGB)
    height, width = pixels.shape[:2]
    if crop == "shortest":
        scale = SIZE / min(height, width)
        pixels = cv2.resize(pixels, (max(SIZE, round(width * scale)), max(SIZE, round(height * scale))))
        y, x = (pixels.shape[0] - SIZE) // 2, (pixels.shape[1] - SIZE) // 2
        pixels = pixels[y : y + SIZE, x : x + SIZE]
    else:
        h, w = (np.array([height, width]) * np.sqrt(rng.uniform(AREA_MIN, 1))).astype(int)
        y, x = rng.integers(height - h + 1), rng.integers(width - w + 1)
        pixels = cv2.resize(pixels[y : y + h, x : x + w], (SIZE, SIZE))
    return np.ascontiguousarray(pixels[:, ::-1] if rng.random() < 0.5 else pixels)


def pool_loader(work: Path, crop: str, batches: int, processes: int) -> Batches:
    """Processes with OpenCV, the stand-in for torch."""
    import multiprocessing

    paths = sorted((work / "images").iterdir())
    order = np.random.default_rng(0).permutation(batches * BATCH) % len(paths)
    jobs = [(str(paths[n]), crop, seed) for seed, n in enumerate(order)]
    with multiprocessing.get_context("fork").Pool(processes) as pool:
        results = pool.imap(read_one, jobs, chunksize=BATCH // 4)
        for _ in range(batches):
            yield np.stack([next(results) for _ in range(BATCH)]), np.empty(BATCH)


WORKERS: dict[str, Callable[[Path, str, int, int], Batches]] = {
    "ours": ours, "plain": plain, "torch": torch_loader, "pool": pool_loader, "bare": bare
}  # fmt: skip


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
