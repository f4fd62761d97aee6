from dataclasses import replace
from pathlib import Path

import pytest

from tfrecords_builder.build_plan import build_identity, plan_build
from tfrecords_builder.catalog import read_photographs
from tfrecords_builder.config import BuildConfig
from tfrecords_builder.splits import parse_plan


@pytest.fixture
def config(catalogue, tmp_path) -> BuildConfig:
    plan = parse_plan(["validation=0.25"])
    return BuildConfig(csv=catalogue[0], images=catalogue[1], out=tmp_path / "out", num_shards=3, splits=plan)


def test_a_plan_holds_every_photograph_once_and_writes_nothing(config):
    plan = plan_build(config)
    tasks = list(plan.tasks())
    assert [task.name for task in tasks] == plan.names
    rows = {row for task in tasks for row in zip(task.image_ids, task.landmark_ids, strict=True)}
    assert rows == set(read_photographs(config.csv).itertuples(index=False, name=None))
    assert plan.photographs == len(rows) == sum(len(task.image_ids) for task in tasks)
    assert not config.out.exists()


def test_finished_shards_are_left_out(config):
    plan = plan_build(config)
    assert [task.name for task in plan.tasks(plan.names[1:])] == plan.names[:1]


def test_identity_is_that_of_inputs_settings_and_versions(config, tmp_path):
    counts = {"train": 3, "validation": 3}
    identity = build_identity(config, counts)
    assert plan_build(config).identity == identity
    assert build_identity(replace(config, out=Path("elsewhere"), workers=5), counts) == identity
    assert build_identity(replace(config, quality=90), counts) != identity
    assert build_identity(config, {**counts, "train": 4}) != identity
    (tmp_path / "copy.csv").write_bytes(config.csv.read_bytes())
    assert build_identity(replace(config, csv=tmp_path / "copy.csv"), counts) == identity
    (tmp_path / "copy.csv").write_bytes(config.csv.read_bytes() + b"\n")
    assert build_identity(replace(config, csv=tmp_path / "copy.csv"), counts) != identity


def test_what_is_missing(config, tmp_path):
    with pytest.raises(NotADirectoryError, match="no folder of photographs at"):
        plan_build(replace(config, images=tmp_path / "nowhere"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match=r"none of 24 photographs of .* is it the right folder"):
        plan_build(replace(config, images=tmp_path / "empty"))
