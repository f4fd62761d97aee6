"""The n-th batch is a function of (seed, n), every photograph comes once an epoch, a bad record is named."""

import dataclasses
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
    assert len(list(pipeline.sound_numbers(index).as_numpy_iterator())) == 0
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


HARD = {
    "rand_augment_ops": 1, "erase_probability": 0.5, "mixup_alpha": 0.4, "cutmix_alpha": 1.0,
    "sampling": "class_balanced", "rare_images": 3, "crop": "random", "resize": "shortest_side",
}  # fmt: skip
LABELS = np.array([0, 0, 0, 0, 1, 2, 2])


def hard_batches(index: RecordIndex, config: DataConfig, start: int = 0, **settings: int) -> list[tuple]:
    dataset = pipeline.training_dataset(
        index, config, batch_size=4, seed=3, start_step=start, num_steps=5, labels=LABELS, **settings
    )
    return list(dataset.as_numpy_iterator())


@pytest.fixture
def hard(make_shards: Shards) -> tuple[RecordIndex, DataConfig]:
    """Everything that is random, at once."""
    folder = make_shards(train=LABELS.tolist(), num_shards=2)
    config = dataclasses.replace(data_config(folder), **HARD)  # type: ignore[arg-type]
    return index_split(folder, "train"), config


def test_everything_random_goes_on_after_a_restart(hard: tuple[RecordIndex, DataConfig]) -> None:
    whole = hard_batches(*hard)
    images, labels, shares = whole[0]
    assert (images.dtype, labels.dtype, shares.dtype) == (np.uint8, np.int32, np.float32)
    assert (images.shape, labels.shape, shares.shape) == ((4, 32, 32, 3), (4, 2), (4, 2))
    for batch, again in zip(whole[2:], hard_batches(*hard, start=2), strict=True):
        for part, part_again in zip(batch, again, strict=True):
            np.testing.assert_array_equal(part, part_again)


def test_threads_and_open_records_change_nothing(
    hard: tuple[RecordIndex, DataConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = hard_batches(*hard)
    for name, value in (("_THREADS", 1), ("_OPEN_RECORDS", 1), ("_NUMBERS_AT_ONCE", 3)):
        monkeypatch.setattr(pipeline, name, value)
    for batch, again in zip(whole, hard_batches(*hard), strict=True):
        np.testing.assert_array_equal(batch[0], again[0])


@pytest.mark.parametrize("mixes", [False, True])
def test_the_workers_parts_are_the_batch(hard: tuple[RecordIndex, DataConfig], mixes: bool) -> None:
    index, config = hard
    if not mixes:
        config = dataclasses.replace(config, mixup_alpha=0.0, cutmix_alpha=0.0)
    parts = [hard_batches(index, config, start=1, worker=w, num_workers=2) for w in range(2)]
    for step, batch in enumerate(hard_batches(index, config, start=1)):
        for number, whole in enumerate(batch):
            np.testing.assert_array_equal(np.concatenate([part[step][number] for part in parts]), whole)


def test_an_indivisible_batch_is_refused(hard: tuple[RecordIndex, DataConfig]) -> None:
    with pytest.raises(ValueError, match=r"batch_size is 4; it must be a multiple of the 3 workers"):
        hard_batches(*hard, num_workers=3)


def test_rare_classes_need_the_labels(hard: tuple[RecordIndex, DataConfig]) -> None:
    config = dataclasses.replace(hard[1], sampling="all")
    with pytest.raises(ValueError, match=r"data.rare_images is 3; it needs the labels"):
        batches(hard[0], config, 0, 1)


def test_only_rare_classes_are_changed_more(make_shards: Shards) -> None:
    folder = make_shards(train=LABELS.tolist())
    plain = DataConfig(
        shards=str(folder), image_size=32, crop="none", flip=False, rotation_degrees=0, colour_jitter=0.2
    )
    index = index_split(folder, "train")
    before, after = (
        hard_batches(index, dataclasses.replace(plain, rare_images=rare, rare_strength=3.0)) for rare in (0, 3)
    )
    for (images, labels), (changed, _) in zip(before, after, strict=True):
        same = (images == changed).all(axis=(1, 2, 3))
        assert same[labels == 0].all()
        assert not same[labels > 0].any()


def test_the_numbers_of_a_balanced_batch_can_be_asked_for(hard: tuple[RecordIndex, DataConfig]) -> None:
    order = pipeline.make_order("class_balanced", len(LABELS), LABELS, 3)
    numbers = pipeline.batch_numbers(len(LABELS), 3, batch_size=4, step=2, order=order)
    assert hard_batches(*hard)[2][1][:, 0].tolist() == LABELS[numbers].tolist()


def test_evaluation_takes_another_size(make_shards: Shards) -> None:
    folder = make_shards(train=[0, 1])
    config = dataclasses.replace(data_config(folder), evaluation_size=(48, 64))
    ((images, _),) = pipeline.evaluation_dataset(index_split(folder, "train"), config, batch_size=2)
    assert images.shape == (2, 48, 64, 3)


def test_sound_records_are_told_from_bad_ones(make_shards: Shards) -> None:
    index = index_split(make_shards(train=list(range(6)), num_shards=1), "train")
    data = bytearray(index.shards[0].read_bytes())
    data[int(index.offsets[1]) + 3] ^= 0xFF  # its length
    data[int(index.offsets[4]) + 300] ^= 0xFF  # its photograph
    index.shards[0].write_bytes(data)
    found = np.concatenate(list(pipeline.sound_numbers(index).as_numpy_iterator()))
    assert sorted(found.tolist()) == [0, 2, 3, 5]
