import json
from pathlib import Path

import pytest

from tfrecords_builder.config import BuildConfig
from tfrecords_builder.splits import parse_plan

PATHS = {"csv": Path("train.csv"), "images": Path("train"), "out": Path("shards")}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_shards": 0}, "num_shards=0: choose 1 to 99999"),
        ({"num_shards": 100_000}, "num_shards=100000"),
        ({"max_side": 7}, "max_side=7 is below min_side=8"),
        ({"max_side": -1}, "max_side=-1"),
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
    for change in ({"seed": 1}, {"max_side": 64}, {"quality": 90}, {"splits": parse_plan(["test"])}):
        assert BuildConfig(**PATHS, **change).settings() != settings


def test_settings_survive_json():
    settings = BuildConfig(**PATHS, splits=parse_plan(["validation=0.18", "test=0.1"])).settings()
    assert json.loads(json.dumps(settings)) == settings
    assert settings["splits"] == {"train": 0.72, "validation": 0.18, "test": 0.1}
