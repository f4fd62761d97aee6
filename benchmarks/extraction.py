"""Images a second of DELF extraction, batches against one by one: seven scales, network, choice and projection.

    python benchmarks/extraction.py [--networks resnet18 resnet50] [--batch-sizes 1 4] [--images 4] [--side 640]
    python benchmarks/extraction.py --device gpu [--batch-sizes 1 8 32] [--images 64] [--side 1024]

Networks up to conv4 with random weights, random textures with sides 4 : 3 of equal size, `DelfConfig` as it is (scales
1/4 to 2, 1000 features, 40 numbers). Batch sizes take turns, `--rounds` times each after one round that compiles; the
medians count, and on a CPU processor time counts, for the machine may be shared. `--device gpu` runs on JAX and times
the wall clock; where JAX finds no GPU it says so and runs on what there is.
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable

import cv2
import numpy as np


def textures(count: int, side: int) -> list[np.ndarray]:
    """Images [3/4 side, side, 3] uint8 with structure at several sizes."""
    rng = np.random.default_rng(0)
    images = []
    for _ in range(count):
        canvas = np.zeros((side * 3 // 4, side, 3), np.float32)
        for step in (4, 16, 64):
            coarse = rng.normal(size=(side // step + 2, side // step + 2, 3)).astype(np.float32)
            canvas += cv2.resize(coarse, (side, side * 3 // 4), interpolation=cv2.INTER_CUBIC)
        images.append(np.clip(128 + 40 * canvas, 0, 255).astype(np.uint8))
    return images


def extractors(network: str, batch_sizes: list[int]) -> dict[int, Callable[[list[np.ndarray]], int]]:
    """For each batch size what extracts the features of images and counts them."""
    import keras

    from delf_verify.model import build_delf, extraction_model
    from delf_verify.pca import Pca
    from delf_verify.pyramid import DelfConfig, Pyramid
    from tfland.models.backbones import build_trunk

    keras.utils.set_random_seed(0)
    model = extraction_model(build_delf(build_trunk(network), 2))
    dimension = model.output["descriptors"].shape[-1]
    pca = Pca.fit(np.random.default_rng(0).normal(size=(dimension + 1, dimension)), 40)

    def make(batch_size: int) -> Callable[[list[np.ndarray]], int]:
        pyramid = Pyramid(model, DelfConfig(), batch_size)
        return lambda images: sum(len(pca.project(each.descriptors)) for each in pyramid.extract_many(images))

    return {batch_size: make(batch_size) for batch_size in batch_sizes}


def seconds_each(
    runs: dict[int, Callable[[list[np.ndarray]], int]],
    images: list[np.ndarray],
    rounds: int,
    clock: Callable[[], float],
) -> dict[int, float]:
    """Median seconds of an image for each batch size; the batch sizes take turns."""
    seconds: dict[int, list[float]] = {batch_size: [] for batch_size in runs}
    for turn in range(rounds + 1):
        for batch_size, run in runs.items():
            # The round that compiles needs no more than one image: a batch is filled up.
            sample = images if turn else images[:1]
            started = clock()
            if run(sample) == 0:
                raise RuntimeError("no features were found: there is nothing to time")
            if turn:
                seconds[batch_size].append((clock() - started) / len(images))
    return {batch_size: statistics.median(times) for batch_size, times in seconds.items()}


def main() -> None:
    """Reads the options, times and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=("cpu", "gpu"), default="cpu")
    parser.add_argument("--networks", nargs="+", default=["resnet18", "resnet50"])
    parser.add_argument("--batch-sizes", type=int, nargs="+")
    parser.add_argument("--images", type=int)
    parser.add_argument("--side", type=int)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    on_gpu = options.device == "gpu"
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    os.environ["KERAS_BACKEND"] = "jax" if on_gpu else "tensorflow"
    name = "tensorflow, CPU, one thread"
    if on_gpu:
        import jax

        name = f"jax, {jax.devices()[0].device_kind}" + ("" if jax.default_backend() == "gpu" else ": NO GPU WAS FOUND")
    else:
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)
        cv2.setNumThreads(1)
    side = options.side or (1024 if on_gpu else 640)
    images = textures(options.images or (64 if on_gpu else 4), side)
    batch_sizes = options.batch_sizes or ([1, 8, 32] if on_gpu else [1, 4])
    clock = time.perf_counter if on_gpu else time.process_time
    print(f"{name}; {len(images)} images of {images[0].shape[1]} x {images[0].shape[0]}")
    print("| network | batch | images/s | against one by one |\n|---|---|---|---|")
    for network in options.networks:
        seconds = seconds_each(extractors(network, batch_sizes), images, options.rounds, clock)
        for batch_size, each in seconds.items():
            ratio = seconds[batch_sizes[0]] / each
            print(f"| {network} conv4 | {batch_size} | {1 / each:.3g} | {ratio:.2f} |", flush=True)


if __name__ == "__main__":
    main()
