"""Times the feature store beside the files that peers keep local features in.

    python benchmarks/feature_store.py [--images 10000] [--features 1000] [--dimension 40] [--reads 10000] [--json]

Peers: one HDF5 file with a group an image, as hloc writes it (keypoints float16, descriptors float16, scores float16,
https://github.com/cvg/Hierarchical-Localization, extract_features.py --as_half), read by h5py; and a .npz file an
image. All hold the same random features and give back float32 descriptors. A read is one image by id, in random order;
"cold" after the kernel was told to drop the files from its cache (which it does for pages on disk), "warm" the second
time. Opening is timed in this process, after the cache was filled.
"""

import argparse
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np

from delf_verify.feature_store import FeatureStore
from delf_verify.features import LocalFeatures

Get = Callable[[str], object]


class Row(NamedTuple):
    """One line of the table; milliseconds an image, processor time of the warm reads."""

    name: str
    kilobytes: float
    write_ms: float
    open_ms: float
    cold_median_ms: float
    cold_mean_ms: float
    warm_median_ms: float
    warm_p99_ms: float
    warm_processor_ms: float


def random_features(count: int, dimension: int) -> LocalFeatures:
    """Features with unit descriptors."""
    generator = np.random.default_rng(0)
    descriptors = generator.normal(size=(count, dimension))
    descriptors /= np.linalg.norm(descriptors, axis=1, keepdims=True)
    ones = np.ones(count, np.float32)
    return LocalFeatures(
        generator.uniform(0, 1000, (count, 2)).astype(np.float32), descriptors.astype(np.float32), ones, ones
    )


class Store:
    """Ours."""

    name = "FeatureStore"

    def write(self, folder: Path, ids: list[str], features: LocalFeatures) -> None:
        """Writes the same features for every id."""
        with FeatureStore(folder, "random") as store:
            for image_id in ids:
                store.add(image_id, features)

    def open(self, folder: Path) -> Get:
        """What reads an image."""
        return FeatureStore(folder, "random").get


class Hdf5:
    """One file, a group an image."""

    name = "HDF5 as hloc, h5py"

    def write(self, folder: Path, ids: list[str], features: LocalFeatures) -> None:
        """See `Store.write`."""
        with h5py.File(folder / "features.h5", "w") as file:
            for image_id in ids:
                group = file.create_group(image_id)
                group["keypoints"] = features.locations_yx[:, ::-1].astype(np.float16)
                group["descriptors"] = features.descriptors.T.astype(np.float16)
                group["scores"] = features.scores.astype(np.float16)
                group["scales"] = features.scales.astype(np.float16)

    def open(self, folder: Path) -> Get:
        """See `Store.open`."""
        file = h5py.File(folder / "features.h5", "r")
        return lambda image_id: [file[image_id][name][()].astype(np.float32) for name in file[image_id]]


class Npz:
    """A file an image."""

    name = "a .npz an image"

    def write(self, folder: Path, ids: list[str], features: LocalFeatures) -> None:
        """See `Store.write`."""
        for image_id in ids:
            half = features.descriptors.astype(np.float16)
            np.savez(folder / image_id, yx=features.locations_yx, d=half, s=features.scores, z=features.scales)

    def open(self, folder: Path) -> Get:
        """See `Store.open`."""

        def get(image_id: str) -> object:
            with np.load(folder / f"{image_id}.npz") as arrays:
                return [arrays[name].astype(np.float32) for name in arrays.files]

        return get


def drop_from_cache(folder: Path) -> None:
    """Tells the kernel that the files' pages are not needed."""
    os.sync()
    for path in folder.iterdir():
        descriptor = os.open(path, os.O_RDONLY)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)


def read_times(get: Get, order: list[str]) -> np.ndarray:
    """Milliseconds of every read."""
    times = []
    for image_id in order:
        started = time.perf_counter()
        get(image_id)
        times.append(time.perf_counter() - started)
    return np.array(times) * 1e3


def measure(kind: Store | Hdf5 | Npz, root: Path, ids: list[str], features: LocalFeatures, reads: int) -> Row:
    """Writes, drops, reads cold, opens again and reads warm."""
    folder = root / type(kind).__name__
    folder.mkdir()
    started = time.perf_counter()
    kind.write(folder, ids, features)
    write_ms = (time.perf_counter() - started) * 1e3
    size = sum(path.stat().st_size for path in folder.iterdir())
    order = [ids[place] for place in np.random.default_rng(1).permutation(len(ids))[:reads]]
    drop_from_cache(folder)
    cold = read_times(kind.open(folder), order)
    started = time.perf_counter()
    get = kind.open(folder)
    open_ms = (time.perf_counter() - started) * 1e3
    read_times(get, order)
    started = time.process_time()
    warm = read_times(get, order)
    processor = (time.process_time() - started) * 1e3
    shutil.rmtree(folder)
    return Row(
        name=kind.name,
        kilobytes=size / 1e3 / len(ids),
        write_ms=write_ms / len(ids),
        open_ms=open_ms,
        cold_median_ms=float(np.median(cold)),
        cold_mean_ms=float(cold.mean()),
        warm_median_ms=float(np.median(warm)),
        warm_p99_ms=float(np.percentile(warm, 99)),
        warm_processor_ms=processor / len(order),
    )


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--features", type=int, default=1000)
    parser.add_argument("--dimension", type=int, default=40)
    parser.add_argument("--reads", type=int, default=10_000)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    ids = [f"{number:016x}" for number in range(arguments.images)]
    features = random_features(arguments.features, arguments.dimension)
    with tempfile.TemporaryDirectory() as root:
        rows = [measure(kind, Path(root), ids, features, arguments.reads) for kind in (Store(), Hdf5(), Npz())]
    if arguments.json:
        print(json.dumps([row._asdict() for row in rows], indent=2))
        return
    print(f"{arguments.images} images of {arguments.features} x {arguments.dimension}; times in ms")
    print(f"{'':20} {'kB':>7} {'write':>6} {'open':>6} {'cold':>7} {'mean':>7} {'warm':>7} {'p99':>7} {'cpu':>7}")
    for name, kilobytes, write, opened, *rest in rows:
        print(f"{name:20} {kilobytes:7.1f} {write:6.2f} {opened:6.0f} " + " ".join(f"{number:7.3f}" for number in rest))


if __name__ == "__main__":
    main()
