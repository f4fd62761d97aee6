"""The only owner of field, column and file names: what a record holds and how its bytes are read and written.

Keys and meaning follow DELF's builder (tensorflow/models research/delf, build_image_dataset.py) and the Model Garden's
classification reader; its docstring promises `image/filename` and its code writes `image/id`, so records hold both.
"""

import re
from dataclasses import dataclass

from tfrecords_builder.example_proto import Values, decode_example, encode_example

# Features of a record.
ENCODED = "image/encoded"
FORMAT = "image/format"
HEIGHT = "image/height"
WIDTH = "image/width"
CHANNELS = "image/channels"
COLORSPACE = "image/colorspace"
IMAGE_ID = "image/id"
FILENAME = "image/filename"
LABEL = "image/class/label"
LANDMARK_ID = "image/class/landmark_id"

# Columns of CSV files, ours and Kaggle's.
ID = "id"
URL = "url"
LANDMARK = "landmark_id"
LANDMARKS = "landmarks"
IMAGES = "images"
USAGE = "Usage"
SCORE = "score"
CLASS_INDEX = "label"
REASON = "reason"
DETAIL = "detail"
SPLIT = "split"
GROUP = "group"
CATEGORY = "category"
AUTHOR = "author"
LICENSE = "license"
TITLE = "title"
ATTRIBUTION_COLUMNS = (ID, URL, AUTHOR, LICENSE, TITLE)

# Label and landmark of a photograph that shows no landmark, or whose landmark is not known.
NO_LANDMARK_LABEL = -1
NO_LANDMARK_ID = -1

# Files of a build folder beside the shards.
MANIFEST_FILE = "manifest.json"
LABELS_FILE = "labels.csv"
REFUSED_FILE = "refused.csv"
ATTRIBUTION_FILE = "attribution.csv"
CATEGORIES_FILE = "categories.csv"

# Catalogues that this tool writes, and files beside them.
CATALOGUE_FILE = "catalogue.csv"
DUPLICATES_FILE = "duplicates.csv"
# Beside downloaded photographs.
FAILED_FILE = "failed.csv"

TRAIN_SPLIT = "train"
VALIDATION_SPLIT = "validation"
JPEG_FORMAT = "JPEG"
RGB_COLORSPACE = "RGB"
RGB_CHANNELS = 3

_SPLIT_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")
_SHARD_NAME = re.compile(r"([a-z][a-z0-9_]{0,31})-(\d{5})-of-(\d{5})\.tfrecord")
MAX_SHARDS = 99_999


@dataclass(frozen=True, kw_only=True)
class Record:
    """One photograph as a shard holds it.

    Attributes:
        image_id: the catalogue's id.
        filename: the file it was read from, relative to the image folder.
        encoded: a JPEG, RGB or YCbCr, upright.
        height: of `encoded`, in pixels.
        width: of `encoded`, in pixels.
        label: class index, or NO_LANDMARK_LABEL.
        landmark_id: the catalogue's landmark, or NO_LANDMARK_ID.
    """

    image_id: str
    filename: str
    encoded: bytes
    height: int
    width: int
    label: int
    landmark_id: int


def to_example_bytes(record: Record) -> bytes:
    """Returns the record as a serialised `tf.train.Example`; equal records give equal bytes."""
    features: dict[str, Values] = {
        ENCODED: [record.encoded],
        FORMAT: [JPEG_FORMAT.encode()],
        HEIGHT: [record.height],
        WIDTH: [record.width],
        CHANNELS: [RGB_CHANNELS],
        COLORSPACE: [RGB_COLORSPACE.encode()],
        IMAGE_ID: [record.image_id.encode()],
        FILENAME: [record.filename.encode()],
        LABEL: [record.label],
        LANDMARK_ID: [record.landmark_id],
    }
    return encode_example(features)


def from_example_bytes(data: bytes) -> Record:
    """Returns the record of a serialised `tf.train.Example`, ours or one in DELF's form.

    DELF's records lack some features. Rules: `image/encoded`, height and width must be there; of `image/id` and
    `image/filename` (without folders and .jpg) one must be, and the id goes first; no label means NO_LANDMARK_LABEL,
    which training refuses, never class 0; no landmark id means NO_LANDMARK_ID.

    Raises:
        ValueError: the bytes are no Example, or a feature is missing, of another type or repeated.
    """
    features = decode_example(data)
    if IMAGE_ID in features or FILENAME not in features:
        image_id = _text(features, IMAGE_ID)
    else:
        image_id = _text(features, FILENAME).rpartition("/")[2].removesuffix(".jpg")
    return Record(
        image_id=image_id,
        filename=_text(features, FILENAME) if FILENAME in features else f"{image_id}.jpg",
        encoded=_bytes(features, ENCODED),
        height=_int(features, HEIGHT),
        width=_int(features, WIDTH),
        label=_int(features, LABEL) if LABEL in features else NO_LANDMARK_LABEL,
        landmark_id=_int(features, LANDMARK_ID) if LANDMARK_ID in features else NO_LANDMARK_ID,
    )


def shard_name(split: str, index: int, total: int) -> str:
    """Returns a shard's file name, such as "train-00007-of-00128.tfrecord".

    Raises:
        ValueError: the split's name cannot be part of a file name, or the numbers do not fit.
    """
    validate_split(split)
    if not 0 <= index < total <= MAX_SHARDS:
        raise ValueError(f"shard {index} of {total}: need 0 <= index < total <= {MAX_SHARDS}")
    return f"{split}-{index:05d}-of-{total:05d}.tfrecord"


def parse_shard_name(name: str) -> tuple[str, int, int]:
    """Returns (split, index, total) of a shard's file name.

    Raises:
        ValueError: the name is not of the form NAME-00007-of-00128.tfrecord.
    """
    match = _SHARD_NAME.fullmatch(name)
    if match is None:
        raise ValueError(f"{name!r} is no shard name; expected the form train-00007-of-00128.tfrecord")
    return match[1], int(match[2]), int(match[3])


def offsets_name(shard: str) -> str:
    """Returns the name of the file with the byte offsets of a shard's records (int64 [N], NumPy)."""
    return f"{shard}.offsets.npy"


def validate_split(name: str) -> str:
    """Returns `name` if it may name a split.

    Raises:
        ValueError: it is not lower-case letters, digits and underscores.
    """
    if not _SPLIT_NAME.fullmatch(name):
        raise ValueError(
            f"split name {name!r}: use lower-case letters, digits and '_', such as train, validation, test, index"
        )
    return name


def _one(features: dict[str, Values], key: str) -> bytes | int:
    if key not in features:
        raise ValueError(f"record without {key!r}; it has {sorted(features)}")
    if len(features[key]) != 1:
        raise ValueError(f"{key!r} holds {len(features[key])} values, expected 1")
    return features[key][0]


def _int(features: dict[str, Values], key: str) -> int:
    value = _one(features, key)
    if not isinstance(value, int):
        raise ValueError(f"{key!r} holds bytes, expected an integer")
    return value


def _bytes(features: dict[str, Values], key: str) -> bytes:
    value = _one(features, key)
    if not isinstance(value, bytes):
        raise ValueError(f"{key!r} holds an integer, expected bytes")
    return value


def _text(features: dict[str, Values], key: str) -> str:
    try:
        return _bytes(features, key).decode()
    except UnicodeDecodeError as error:
        raise ValueError(f"{key!r} is not UTF-8: {error}") from error
