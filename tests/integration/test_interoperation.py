"""Other people's readers read our shards, and our reader theirs."""

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from tfland.data.labels import read_record_labels
from tfland.data.records import index_split, read_record
from tfrecords_builder.config import BuildConfig
from tfrecords_builder.images import encode_jpeg
from tfrecords_builder.shards import build_shards

IDS = [f"{number * 0x9E3779B97F4A7C15 % 2**64:016x}" for number in range(7)]
LANDMARKS = [900, 900, 900, 1042, 1042, 77, 77]


def picture(number: int) -> np.ndarray:
    coarse = np.random.default_rng(number).integers(0, 256, (4, 6, 3), dtype=np.uint8)
    return cv2.resize(coarse, (60, 40), interpolation=cv2.INTER_CUBIC)


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("interoperation")
    (root / "images").mkdir()
    for number, image_id in enumerate(IDS):
        (root / f"images/{image_id}.jpg").write_bytes(encode_jpeg(picture(number)))
    rows = [f"{image_id},{landmark}" for image_id, landmark in zip(IDS, LANDMARKS, strict=True)]
    (root / "train.csv").write_text("id,landmark_id\n" + "\n".join(rows) + "\n")
    build_shards(BuildConfig(csv=root / "train.csv", images=root / "images", out=root / "shards", num_shards=2))
    return root / "shards"


@pytest.mark.slow
def test_the_model_gardens_decoder_and_parser_read_our_shards(build: Path) -> None:
    import tensorflow as tf
    from official.vision.dataloaders import classification_input

    decoder = classification_input.Decoder()
    parse = classification_input.Parser(output_size=[40, 60], num_classes=3, aug_rand_hflip=False).parse_fn(False)
    shards = sorted(map(str, build.glob("train-*.tfrecord")))
    found = [decoder.decode(data) for data in tf.data.TFRecordDataset(shards)]
    index = index_split(build, "train")
    ours = [read_record(index, number) for number in range(len(index))]
    assert [int(example["image/class/label"]) for example in found] == [record.label for record in ours]
    assert [example["image/encoded"].numpy() for example in found] == [record.encoded for record in ours]
    image, label = parse(found[0])
    assert image.shape == (40, 60, 3)
    assert int(label) == ours[0].label


@pytest.mark.slow
def test_the_model_gardens_general_decoder_reads_our_sizes_and_ids(build: Path) -> None:
    import tensorflow as tf
    from official.vision.dataloaders import tf_example_decoder

    keys = {"image/source_id": "image/id"}
    decode = tf_example_decoder.TfExampleDecoder().decode
    index = index_split(build, "train")
    data = next(iter(tf.data.TFRecordDataset(str(index.shards[0])))).numpy()
    example = tf.train.Example.FromString(data)
    for theirs, ours in keys.items():
        example.features.feature[theirs].CopyFrom(example.features.feature[ours])
    decoded = decode(tf.constant(example.SerializeToString()))
    record = read_record(index, 0)
    assert decoded["image"].shape == (record.height, record.width, 3)
    assert (int(decoded["height"]), int(decoded["width"])) == (record.height, record.width)
    assert decoded["source_id"].numpy().decode() == record.image_id


def write_as_delf(folder: Path, split: str, labels: list[int] | None, key: str) -> None:
    """Writes shards as DELF's build_image_dataset.py does (its docstring says image/filename, its code image/id)."""
    import tensorflow as tf

    def feature(value: bytes | int) -> "tf.train.Feature":
        if isinstance(value, bytes):
            return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
        return tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))

    for shard in range(2):
        with tf.io.TFRecordWriter(str(folder / f"{split}-{shard:05d}-of-00002")) as writer:
            for number in range(shard, len(IDS), 2):
                features = {
                    "image/height": 40,
                    "image/width": 60,
                    "image/colorspace": b"RGB",
                    "image/channels": 3,
                    "image/format": b"JPEG",
                    key: IDS[number].encode(),
                    "image/encoded": encode_jpeg(picture(number)),
                }
                if labels is not None:
                    features["image/class/label"] = labels[number]
                features = {name: feature(value) for name, value in features.items()}
                writer.write(tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString())


@pytest.mark.slow
@pytest.mark.parametrize("key", ["image/id", "image/filename"])
def test_our_reader_reads_delfs_shards(tmp_path: Path, key: str) -> None:
    labels = [1, 1, 1, 2, 2, 0, 0]
    write_as_delf(tmp_path, "train", labels, key)
    write_as_delf(tmp_path, "test", None, key)
    train = index_split(tmp_path, "train")
    records = [read_record(train, number) for number in range(len(train))]
    order = [0, 2, 4, 6, 1, 3, 5]
    assert [record.image_id for record in records] == [IDS[number] for number in order]
    assert [record.label for record in records] == read_record_labels(train).tolist() == [labels[n] for n in order]
    assert records[0].encoded == encode_jpeg(picture(0))
    assert {record.landmark_id for record in records} == {-1}
    # Their test records have no label: that is no landmark, not class 0.
    assert read_record_labels(index_split(tmp_path, "test")).tolist() == [-1] * 7


@pytest.mark.slow
def test_delfs_reader_reads_our_shards(build: Path) -> None:
    import tensorflow as tf

    # What DELF's datasets/googlelandmarks.py asks of a record.
    wanted = dict.fromkeys(("image/format", "image/id", "image/filename", "image/encoded"), (tf.string, ""))
    wanted |= dict.fromkeys(("image/height", "image/width", "image/channels", "image/class/label"), (tf.int64, -9))
    description = {
        name: tf.io.FixedLenFeature([], kind, default_value=default) for name, (kind, default) in wanted.items()
    }
    shards = sorted(map(str, build.glob("train-*.tfrecord")))
    for data in tf.data.TFRecordDataset(shards):
        parsed = tf.io.parse_single_example(data, description)
        assert all(parsed[name].numpy() != default for name, (_, default) in wanted.items() if default == -9)
        assert parsed["image/id"].numpy().decode() in IDS
        assert tf.io.decode_jpeg(parsed["image/encoded"]).shape == (40, 60, 3)


def test_a_damaged_shard_in_delfs_form_is_named(build: Path, tmp_path: Path) -> None:
    shard = next(build.glob("train-00000*.tfrecord"))
    (tmp_path / "train-00000-of-00001").write_bytes(shard.read_bytes()[:-3])
    with pytest.raises(ValueError, match="the file ends within a record"):
        index_split(tmp_path, "train")
    shutil.copy(shard, tmp_path / "train-00000-of-00001")
    assert len(index_split(tmp_path, "train")) > 0
