"""The n-th batch is a function of (seed, n), every photograph comes once an epoch, a bad record is named."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tfland.config import DataConfig
from tfland.data import pipeline
from tfland.data.records import RecordIndex, index_split
from tfrecords_builder.terminal import CheckFailed

Shards = Callable[..., Path]


def data_config(folder: Path) -> DataConfig:
    return DataConfig(shards=str(folder), image_size=32)


def batches(
    index: RecordIndex, config: DataConfig, start: int, stop: int, seed: int = 3
) -> list[tuple[np.ndarray, np.ndarray]]:
    dataset = pipeline.training_dataset(index, config, batch_size=4, seed=seed, start_step=start, num_steps=stop)
    return list(dataset.as_numpy_iterator())


def test_a_restart_goes_on_with_the_same_batches(make_shards: Shards) -> None:
    folder = make_shards(train=[0, 1, 2, 3, 4, 5, 6], num_shards=3)
    index, config = index_split(folder, "train"), data_config(folder)
    whole = batches(index, config, 0, 6)
    assert len(whole) == 6
    for start in (1, 4):
        for (images, labels), (images_again, labels_again) in zip(
            whole[start:], batches(index, config, start, 6), strict=True
        ):
            np.testing.assert_array_equal(images, images_again)
            np.testing.assert_array_equal(labels, labels_again)
    assert whole[0][0].dtype == np.uint8
    assert whole[0][0].shape == (4, 32, 32, 3)
    assert any((a[1] != b[1]).any() for a, b in zip(whole, batches(index, config, 0, 6, seed=4), strict=True))


def test_every_photograph_comes_once_an_epoch_in_another_order(make_shards: Shards) -> None:
    folder = make_shards(train=list(range(7)), num_shards=2)
    index, config = index_split(folder, "train"), data_config(folder)
    labels = np.concatenate([labels for _, labels in batches(index, config, 0, 7)]).reshape(4, 7)
    assert (np.sort(labels, axis=1) == np.arange(7)).all()
    assert len({tuple(row) for row in labels}) == 4
    numbers = [pipeline.batch_numbers(7, 3, batch_size=4, step=step) for step in range(7)]
    np.testing.assert_array_equal(np.concatenate(numbers).reshape(4, 7), labels)


def test_an_example_looks_different_in_each_epoch(make_shards: Shards) -> None:
    folder = make_shards(train=[0, 1], num_shards=1)
    config = data_config(folder)
    (first, labels), (second, _) = batches(index_split(folder, "train"), config, 0, 2)
    zeros = np.concatenate([first, second])[np.concatenate([labels, labels]) == 0]
    assert len({image.tobytes() for image in zeros[:2]}) == 2


def test_one_record_is_an_epoch_too(make_shards: Shards) -> None:
    folder = make_shards(train=[0], num_shards=1)
    (batch,) = batches(index_split(folder, "train"), data_config(folder), 0, 1)
    assert batch[1].tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize(("batch_size", "steps"), [(4, [0, 2, 4, 6, 7]), (7, [0, 1, 2, 3, 4]), (10, [0, 1, 2, 3, 3])])
def test_steps_at_an_epochs_end(batch_size: int, steps: list[int]) -> None:
    assert [pipeline.steps_at_epoch_end(7, batch_size, epoch) for epoch in range(5)] == steps


def test_evaluation_sees_everything_once_in_order(make_shards: Shards) -> None:
    folder = make_shards(train=[0, 1, 2], validation=[2, -1, 0, 1, 2])
    index, config = index_split(folder, "validation"), data_config(folder)
    found = list(pipeline.evaluation_dataset(index, config, batch_size=4).as_numpy_iterator())
    assert np.concatenate([labels for _, labels in found]).tolist() == [2, -1, 0, 1, 2, 2, 2, 2]
    assert found[1][0].shape == (4, 32, 32, 3)


def test_a_corrupt_record_is_found_and_named(make_shards: Shards) -> None:
    folder = make_shards(train=[0, 1, 2, 3], num_shards=1)
    index = index_split(folder, "train")
    data = bytearray(index.shards[0].read_bytes())
    data[int(index.offsets[2]) + 400] ^= 0xFF
    index.shards[0].write_bytes(data)
    with pytest.raises(tf.errors.DataLossError):
        batches(index, data_config(folder), 0, 1)
    numbers = pipeline.batch_numbers(4, 3, batch_size=4, step=0)
    with pytest.raises(CheckFailed, match=rf"record at byte offset {index.offsets[2]}: its data are corrupt"):
        pipeline.raise_bad_record(index, numbers)
    pipeline.raise_bad_record(index, numbers[numbers != 2])


def test_a_record_that_is_no_jpeg_is_found_and_named(tmp_path: Path) -> None:
    from tfrecords_builder import schema

    path = tmp_path / "train-00000-of-00001.tfrecord"
    record = schema.Record(image_id="bad", filename="b.jpg", encoded=b"text", height=1, width=1, label=0, landmark_id=9)
    with tf.io.TFRecordWriter(str(path)) as writer:
        writer.write(schema.to_example_bytes(record))
    np.save(f"{path}.offsets.npy", np.zeros(1, np.int64))
    index = index_split(tmp_path, "train")
    with pytest.raises(tf.errors.InvalidArgumentError):
        batches(index, data_config(tmp_path), 0, 1)
    with pytest.raises(CheckFailed, match=r"byte offset 0: photograph bad: "):
        pipeline.raise_bad_record(index, np.array([0]))


def test_a_record_without_a_label_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "train-00000-of-00001.tfrecord"
    with tf.io.TFRecordWriter(str(path)) as writer:
        writer.write(tf.train.Example().SerializeToString())
    np.save(f"{path}.offsets.npy", np.zeros(1, np.int64))
    index = index_split(tmp_path, "train")
    with pytest.raises(tf.errors.InvalidArgumentError):
        batches(index, data_config(tmp_path), 0, 1)
    with pytest.raises(CheckFailed, match=r"byte offset 0: record without 'image/id'"):
        pipeline.raise_bad_record(index, np.array([0]))
