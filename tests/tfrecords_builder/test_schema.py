import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfrecords_builder import schema
from tfrecords_builder.example_proto import decode_example, encode_example
from tfrecords_builder.schema import (
    Record,
    from_example_bytes,
    offsets_name,
    parse_shard_name,
    shard_name,
    to_example_bytes,
)

RECORD = Record(
    image_id="17660ef415d37059",
    filename="1/7/6/17660ef415d37059.jpg",
    encoded=b"\xff\xd8\xff",
    height=600,
    width=800,
    label=3,
    landmark_id=203094,
)
INT64 = st.integers(-(2**63), 2**63 - 1)


@given(
    st.builds(
        Record,
        image_id=st.text(),
        filename=st.text(),
        encoded=st.binary(max_size=2000),
        height=INT64,
        width=INT64,
        label=INT64,
        landmark_id=INT64,
    )
)
def test_a_record_survives_its_bytes(record):
    assert from_example_bytes(to_example_bytes(record)) == record


def test_tensorflow_parses_the_record_as_the_model_garden_does(tf):
    text = tf.io.FixedLenFeature([], tf.string)
    number = tf.io.FixedLenFeature([], tf.int64)
    parsed = tf.io.parse_single_example(
        to_example_bytes(RECORD),
        {
            "image/encoded": text,
            "image/format": text,
            "image/height": number,
            "image/width": number,
            "image/channels": number,
            "image/colorspace": text,
            "image/id": text,
            "image/filename": text,
            "image/class/label": number,
            "image/class/landmark_id": number,
        },
    )
    assert {key: value.numpy() for key, value in parsed.items()} == {
        "image/encoded": b"\xff\xd8\xff",
        "image/format": b"JPEG",
        "image/height": 600,
        "image/width": 800,
        "image/channels": 3,
        "image/colorspace": b"RGB",
        "image/id": b"17660ef415d37059",
        "image/filename": b"1/7/6/17660ef415d37059.jpg",
        "image/class/label": 3,
        "image/class/landmark_id": 203094,
    }


@pytest.mark.parametrize("key", [schema.ENCODED, schema.HEIGHT, schema.WIDTH])
def test_a_missing_feature_has_no_default(key):
    features = decode_example(to_example_bytes(RECORD))
    del features[key]
    with pytest.raises(ValueError, match=f"record without '{key}'"):
        from_example_bytes(encode_example(features))


@pytest.mark.parametrize(
    ("key", "values", "message"),
    [
        (schema.LABEL, [1, 2], "'image/class/label' holds 2 values"),
        (schema.LABEL, [b"1"], "'image/class/label' holds bytes"),
        (schema.ENCODED, [1], "'image/encoded' holds an integer"),
        (schema.IMAGE_ID, [b"\xff"], "'image/id' is not UTF-8"),
        (schema.IMAGE_ID, [], "'image/id' holds 0 values"),
    ],
)
def test_a_wrong_feature_is_refused(key, values, message):
    features = decode_example(to_example_bytes(RECORD))
    features[key] = values
    with pytest.raises(ValueError, match=message):
        from_example_bytes(encode_example(features))


def test_records_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        RECORD.label = 4


def test_shard_names():
    assert shard_name("train", 7, 128) == "train-00007-of-00128.tfrecord"
    assert parse_shard_name("train-00007-of-00128.tfrecord") == ("train", 7, 128)
    assert offsets_name("train-00007-of-00128.tfrecord") == "train-00007-of-00128.tfrecord.offsets.npy"


@pytest.mark.parametrize("split", ["", "../train", "Train", "a-b", "1st", "x" * 33])
def test_split_names_that_are_no_file_names_are_refused(split):
    with pytest.raises(ValueError, match="use lower-case letters"):
        shard_name(split, 0, 1)


@pytest.mark.parametrize(("index", "total"), [(-1, 2), (2, 2), (0, 100_000)])
def test_shard_numbers_out_of_range_are_refused(index, total):
    with pytest.raises(ValueError, match=f"shard {index} of {total}"):
        shard_name("train", index, total)


@pytest.mark.parametrize("name", ["train.tfrecord", "train-1-of-2.tfrecord", "../x-00000-of-00001.tfrecord"])
def test_other_names_are_no_shards(name):
    with pytest.raises(ValueError, match="is no shard name"):
        parse_shard_name(name)


def without(*keys: str) -> schema.Record:
    features = decode_example(to_example_bytes(RECORD))
    return from_example_bytes(encode_example({key: value for key, value in features.items() if key not in keys}))


def test_what_delf_leaves_out_has_a_rule():
    assert without(schema.FILENAME).filename == f"{RECORD.image_id}.jpg"
    assert without(schema.LABEL).label == schema.NO_LANDMARK_LABEL
    assert without(schema.LANDMARK_ID).landmark_id == schema.NO_LANDMARK_ID
    assert without(schema.IMAGE_ID).image_id == RECORD.image_id
    with pytest.raises(ValueError, match="record without 'image/id'"):
        without(schema.IMAGE_ID, schema.FILENAME)
