from pathlib import Path

import pytest

from tfrecords_builder.config import BuildConfig
from tfrecords_builder.image_limits import DEFAULT_LIMITS, ImageLimits
from tfrecords_builder.resizing import ResizeMode
from tfrecords_builder.size_options import ImageOptions, ShardOptions, parse_bytes

DEFAULT = BuildConfig(csv=Path("c"), images=Path("i"), out=Path("o"))


def test_without_options_a_build_is_that_of_the_default_configuration():
    image = ImageOptions()
    assert image.read_size() == (DEFAULT.max_side, DEFAULT.resize)
    assert (image.quality, image.limits()) == (DEFAULT.quality, DEFAULT_LIMITS)
    for name, value in ShardOptions().read().items():
        assert getattr(DEFAULT, name) == value


def test_sizes():
    assert ImageOptions(max_side=512).read_size() == (512, ResizeMode.LONGEST)
    assert ImageOptions(resize="longest", size=512).read_size() == (512, ResizeMode.LONGEST)
    assert ImageOptions(resize="exact", size=64).read_size() == (64, ResizeMode.EXACT)


def test_limits():
    options = ImageOptions(max_pixels=100, min_side=2, max_aspect=3.0)
    assert options.limits() == ImageLimits(max_pixels=100, min_side=2, max_aspect=3.0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"resize": "exact"}, "--resize exact --size 0: give both"),
        ({"size": 64}, "--resize none --size 64: give both"),
        ({"max_side": 512, "resize": "longest", "size": 64}, "--max-side 512 and --resize longest: give one of them"),
        ({"resize": "widest", "size": 64}, "--resize 'widest': choose longest, shortest, exact"),
    ],
)
def test_sizes_that_make_no_sense(options, message):
    with pytest.raises(ValueError, match=message):
        ImageOptions(**options).read_size()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"num_shards": 128}, (128, 0, 0)),
        ({"num_shards": 0}, (0, 0, 0)),  # which the configuration refuses
        ({"shard_records": 5000}, (0, 5000, 0)),
        ({"shard_size": "200MB"}, (0, 0, 200_000_000)),
    ],
)
def test_numbers_of_shards(options, expected):
    assert tuple(ShardOptions(**options).read().values()) == expected


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_shards": 8, "shard_records": 5}, "--num-shards 8 and --shard-records 5: give one of them"),
        ({"num_shards": 0, "shard_size": "1MB"}, "--num-shards 0 and --shard-size 1MB: give one of them"),
        ({"shard_records": 5, "shard_size": "1MB"}, "--shard-records 5 and --shard-size 1MB"),
        ({"shard_records": 0}, "--shard-records 0: choose 1 or more"),
        ({"shard_records": -5}, "--shard-records -5: choose 1 or more"),
        ({"shard_size": "0MB"}, "--shard-size '0MB': expected a number with B, KB"),
    ],
)
def test_numbers_of_shards_that_make_no_sense(options, message):
    with pytest.raises(ValueError, match=message):
        ShardOptions(**options).read()


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("1", 1),
        ("12 B", 12),
        ("200MB", 200_000_000),
        ("200mb", 200_000_000),
        ("256MiB", 256 * 2**20),
        ("1.5 GiB", 3 * 2**29),
        ("1GB", 10**9),
        ("3kb", 3000),
        ("2TiB", 2**41),
    ],
)
def test_sizes_in_bytes(text, size):
    assert parse_bytes(text) == size


@pytest.mark.parametrize("text", ["", "MB", "-1MB", "1 XB", "1e9", "0", "0.1B", "9" * 400, "200M", "1,5GB"])
def test_what_is_no_size(text):
    with pytest.raises(ValueError, match=r"--shard-size .*: expected a number with B, KB, MB, GB, KiB, MiB or GiB"):
        parse_bytes(text)
