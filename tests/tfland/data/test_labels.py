"""Class indices: labels.csv, the labels inside the records, and what training refuses."""

from pathlib import Path

import numpy as np
import pytest

from tfland.data.labels import (
    LabelMap,
    check_labels,
    check_same_labels,
    read_label_map,
    read_record_labels,
)
from tfland.data.records import index_split
from tfrecords_builder.terminal import CheckFailed


def test_labels_are_read_without_the_photographs(make_shards) -> None:  # type: ignore[no-untyped-def]
    labels = [0, 299, -1, 1, 7]
    index = index_split(make_shards(train=labels), "train")
    assert read_record_labels(index).tolist() == labels


def test_labels_in_a_record_of_another_writer_are_read(tmp_path: Path) -> None:
    """Its features come in another order."""
    import tensorflow as tf

    from tfrecords_builder import schema

    record = schema.Record(image_id="a", filename="a.jpg", encoded=b"x", height=1, width=1, label=5, landmark_id=9)
    example = tf.train.Example.FromString(schema.to_example_bytes(record))
    feature = {key: example.features.feature[key] for key in sorted(example.features.feature, reverse=True)}
    data = tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString()
    path = tmp_path / "train-00000-of-00001.tfrecord"
    with tf.io.TFRecordWriter(str(path)) as writer:
        writer.write(data)
    np.save(f"{path}.offsets.npy", np.zeros(1, np.int64))
    assert read_record_labels(index_split(tmp_path, "train")).tolist() == [5]


def test_a_corrupt_record_is_named(make_shards) -> None:  # type: ignore[no-untyped-def]
    index = index_split(make_shards(train=[0, 1, 0, 1]), "train")
    data = bytearray(index.shards[0].read_bytes())
    data[12:40] = bytes(28)
    index.shards[0].write_bytes(data)
    with pytest.raises(CheckFailed, match=r"train-00000-of-00002.tfrecord, record at byte offset 0: its data"):
        read_record_labels(index)


@pytest.mark.parametrize(
    ("labels", "training", "message"),
    [
        ([0, 1, 3], True, r"offset \d+: label 3 \(1 such records\); labels.csv has the classes 0 to 2"),
        ([0, -1, -1], True, r"label -1 \(2 such records\); training takes no photograph without a landmark"),
        ([0, -2, 0], False, r"label -2 .*classes 0 to 2"),
    ],
)
def test_labels_outside_the_range_are_refused(make_shards, labels, training, message) -> None:  # type: ignore[no-untyped-def]
    index = index_split(make_shards(train=labels), "train")
    with pytest.raises(ValueError, match=message):
        check_labels(read_record_labels(index), index, 3, training=training)


def test_an_evaluation_may_hold_photographs_without_a_landmark(make_shards) -> None:  # type: ignore[no-untyped-def]
    index = index_split(make_shards(train=[0, -1, 2]), "train")
    check_labels(read_record_labels(index), index, 3, training=False)


def test_a_label_map_reads_back(make_shards) -> None:  # type: ignore[no-untyped-def]
    label_map = read_label_map(make_shards(train=[0, 1, 1]))
    assert label_map.landmark_ids.tolist() == [1000, 1001]
    assert label_map.images.tolist() == [1, 2]


def test_a_bad_label_map_is_refused(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("label,landmark_id,images\n1,7,5\n")
    with pytest.raises(ValueError, match=r"labels.csv, line 2: label 1, expected 0"):
        read_label_map(tmp_path)


def test_a_missing_label_map_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"labels.csv is missing"):
        read_label_map(tmp_path)


def label_map(*landmark_ids: int) -> LabelMap:
    return LabelMap(landmark_ids=np.array(landmark_ids), images=np.ones(len(landmark_ids), np.int64))


def test_a_model_refuses_data_built_with_other_labels() -> None:
    check_same_labels(label_map(3, 7), label_map(3, 7), "shards")
    with pytest.raises(ValueError, match=r"shards was built with other labels: class 1 is landmark 8 there and 7 in"):
        check_same_labels(label_map(3, 7), label_map(3, 8), "shards")
    with pytest.raises(ValueError, match=r"shards was built with 3 classes, the model has 2"):
        check_same_labels(label_map(3, 7), label_map(3, 7, 9), "shards")
