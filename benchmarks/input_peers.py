"""The pipelines that input_pipeline.py times: ours, plain tf.data, torch, OpenCV in processes, and decoding alone.

Imported by the interpreter of each one's own environment: nothing but NumPy and OpenCV at the top.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np

SIZE, BATCH, AREA_MIN, SHUFFLE = 224, 64, 0.08, 512
Batches = Iterator[tuple[np.ndarray, np.ndarray]]


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
