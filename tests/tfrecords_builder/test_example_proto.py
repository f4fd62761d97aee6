import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfrecords_builder.example_proto import decode_example, encode_example

FEATURES = st.dictionaries(
    st.text(max_size=20).filter(lambda text: text.isprintable()),
    st.one_of(
        st.lists(st.binary(max_size=300), max_size=4),
        st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=5),
    ),
    max_size=6,
)


def _tensorflow_example(tf, features):
    message = tf.train.Example()
    for name, values in features.items():
        if values and isinstance(values[0], int):
            message.features.feature[name].int64_list.value.extend(values)
        else:
            message.features.feature[name].bytes_list.value.extend(values)
    return message


@given(FEATURES)
def test_what_is_encoded_is_decoded(features):
    assert decode_example(encode_example(features)) == features


@given(FEATURES)
def test_tensorflow_and_the_codec_read_each_other(tf, features):
    message = _tensorflow_example(tf, features)
    message.features.SetInParent()
    for name in features:  # an empty list is a bytes_list
        message.features.feature[name].WhichOneof("kind") or message.features.feature[name].bytes_list.SetInParent()
    assert tf.train.Example.FromString(encode_example(features)) == message
    assert decode_example(message.SerializeToString()) == features


def test_bytes_are_those_of_deterministic_protobuf(tf):
    features = {"b": [b"\x00" * 200], "a": [5, -1, 2**63 - 1], "ä": [b"x", b""]}
    message = _tensorflow_example(tf, features)
    assert encode_example(features) == message.SerializeToString(deterministic=True)


def test_order_of_the_features_does_not_matter():
    assert encode_example({"a": [1], "b": [2]}) == encode_example({"b": [2], "a": [1]})


def test_float_features_of_others_are_left_out(tf):
    message = _tensorflow_example(tf, {"a": [1]})
    message.features.feature["scores"].float_list.value.extend([0.5, 1.5])
    assert decode_example(message.SerializeToString()) == {"a": [1]}


def test_unpacked_integers_and_unknown_fields_are_read():
    # Int64List{value: 1, value: 300} unpacked, in a Feature with an unknown fixed32 field 9 before it.
    int64_list = b"\x08\x01\x08\xac\x02"
    feature = b"\x4d\x00\x00\x00\x00" + b"\x1a" + bytes([len(int64_list)]) + int64_list
    entry = b"\x0a\x01k\x12" + bytes([len(feature)]) + feature
    features = b"\x0a" + bytes([len(entry)]) + entry
    assert decode_example(b"\x0a" + bytes([len(features)]) + features) == {"k": [1, 300]}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\x0a\x7f", "field 1 claims 127 bytes, 0 left"),
        (b"\x0b", "wire type 3"),
        (b"\x80", "broken number"),
        (b"\xff" * 11, "broken number"),
    ],
)
def test_other_bytes_are_refused(data, message):
    with pytest.raises(ValueError, match=message):
        decode_example(data)


@given(st.binary(max_size=200))
def test_random_bytes_never_do_more_than_raise_value_error(data):
    with contextlib.suppress(ValueError):
        decode_example(data)


@given(st.integers(0, 10**6), st.integers(0, 255))
def test_a_flipped_byte_never_does_more_than_raise_value_error(position, value):
    data = bytearray(encode_example({"image/id": [b"abc"], "image/class/label": [3, -1]}))
    data[position % len(data)] = value
    with contextlib.suppress(ValueError):
        decode_example(bytes(data))
