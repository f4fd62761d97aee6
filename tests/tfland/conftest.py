"""Small shards, written with TensorFlow's own writer so that our reader is checked against it."""

from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from tfrecords_builder import schema

MakeShards = Callable[..., Path]


def _photograph(rng: np.random.Generator, label: int, height: int, width: int) -> bytes:
    """A JPEG whose colour tells its class, with a little noise."""
    colour = np.random.default_rng([label + 2, 5]).integers(40, 215, 3)
    coarse = np.clip(colour + rng.normal(0, 15, (6, 6, 3)), 0, 255).astype(np.uint8)
    pixels = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    return cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes()


def _write_split(folder: Path, split: str, labels: Sequence[int], num_shards: int, size: tuple[int, int]) -> None:
    import tensorflow as tf

    rng = np.random.default_rng([len(split), len(labels)])
    for number, part in enumerate(np.array_split(np.arange(len(labels)), num_shards)):
        path = folder / schema.shard_name(split, number, num_shards)
        offsets, position = [], 0
        with tf.io.TFRecordWriter(str(path)) as writer:
            for i in part:
                record = schema.Record(
                    image_id=f"{split}{i:04d}",
                    filename=f"{split}{i:04d}.jpg",
                    encoded=_photograph(rng, labels[i], *size),
                    height=size[0],
                    width=size[1],
                    label=labels[i],
                    landmark_id=-1 if labels[i] < 0 else 1000 + labels[i],
                )
                data = schema.to_example_bytes(record)
                writer.write(data)
                offsets.append(position)
                position += 16 + len(data)
        np.save(path.with_name(schema.offsets_name(path.name)), np.array(offsets, dtype=np.int64))


@pytest.fixture
def make_shards(tmp_path: Path) -> MakeShards:
    """A function that writes a build folder: make_shards(train=[0, 1, …], validation=[…]) -> its path."""

    def make(
        name: str = "shards", num_shards: int = 2, size: tuple[int, int] = (48, 64), **splits: Sequence[int]
    ) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        counts = np.bincount([label for label in splits["train"] if label >= 0])
        rows = [f"{label},{1000 + label},{count}" for label, count in enumerate(counts)]
        (folder / schema.LABELS_FILE).write_text("\n".join(["label,landmark_id,images", *rows]) + "\n")
        for split, labels in splits.items():
            _write_split(folder, split, labels, num_shards, size)
        return folder

    return make
