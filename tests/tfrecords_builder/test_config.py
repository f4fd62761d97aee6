import json
from pathlib import Path

import pytest

from tfrecords_builder.config import BuildConfig
from tfrecords_builder.resizing import ResizeMode
from tfrecords_builder.splits import parse_plan

PATHS = {"csv": Path("train.csv"), "images": Path("train"), "out": Path("shards")}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_shards": 0}, "num_shards=0: choose 1 to 99999"),
        ({"num_shards": 100_000}, "num_shards=100000"),
        ({"num_shards": 0, "shard_records": -1}, "shard_records=-1: one of them may be above 0"),
        ({"num_shards": 0, "shard_bytes": -1}, "shard_bytes=-1"),
        ({"num_shards": 0, "shard_records": 5, "shard_bytes": 5}, "shard_records=5, shard_bytes=5: one of them"),
        ({"shard_bytes": 5}, "num_shards=8 and shard_bytes=5: set one of them, the other to 0"),
        ({"max_side": 7}, "max_side=7 is below min_side=8"),
        ({"max_side": -1}, "max_side=-1"),
        ({"resize": ResizeMode.EXACT}, "resize=exact needs max_side"),
        ({"quality": 0}, "quality=0: choose 1 to 100"),
        ({"quality": 101}, "quality=101"),
        ({"seed": -1}, "seed=-1"),
        ({"workers": 0}, "workers=0: must be at least 1"),
    ],
)
def test_bad_settings_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        BuildConfig(**PATHS, **options)


def test_settings_are_what_decides_the_content():
    settings = BuildConfig(**PATHS).settings()
    elsewhere = BuildConfig(csv=Path("x"), images=Path("y"), out=Path("z"), workers=9, resume=False)
    assert elsewhere.settings() == settings
    resized = {"max_side": 64, "resize": ResizeMode.SHORTEST}
    for change in (resized, {"seed": 1}, {"max_side": 64}, {"quality": 90}, {"splits": parse_plan(["test"])}):
        assert BuildConfig(**PATHS, **change).settings() != settings


def test_settings_survive_json():
    config = BuildConfig(**PATHS, splits=parse_plan(["validation=0.18", "test=0.1"]), seed=3, max_side=99)
    settings = json.loads(json.dumps(config.settings(), sort_keys=True))
    assert settings == config.settings()
    assert settings["splits"]["names"] == ["train", "validation", "test"]
    assert settings["splits"]["fractions"] == [0.72, 0.18, 0.1]
    assert BuildConfig.from_settings(settings, **PATHS) == config


def test_the_order_of_splits_decides_their_content_and_is_a_setting():
    plans = (parse_plan(["a=0.2", "b=0.2"]), parse_plan(["b=0.2", "a=0.2"]))
    first, second = (BuildConfig(**PATHS, splits=plan).settings() for plan in plans)
    assert first != second
