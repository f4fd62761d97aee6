from pathlib import Path

import numpy as np
import pytest

from tfrecords_builder.build_state import open_state
from tfrecords_builder.check_shard import Problem, ShardCheck, check_shard, hash_of_ids
from tfrecords_builder.image_limits import DEFAULT_LIMITS
from tfrecords_builder.labels import read_labels
from tfrecords_builder.schema import from_example_bytes
from tfrecords_builder.tfrecord import read_records

NAME = "train-00000-of-00001.tfrecord"


@pytest.fixture
def build(built) -> Path:
    return built(1)


@pytest.fixture
def task(build) -> ShardCheck:
    with open_state(build) as state:
        entry = state.noted(NAME).entry
    return ShardCheck(
        folder=build,
        entry=entry,
        landmark_ids=read_labels(build / "labels.csv").landmark_ids,
        limits=DEFAULT_LIMITS,
    )


def findings(task, **change):
    return check_shard(ShardCheck(**{**vars(task), **change}), lambda done, refused: None)


def test_a_sound_shard(task, build):
    found = findings(task)
    ids = [from_example_bytes(data).image_id for data in read_records(build / NAME)]
    assert found.problems == []
    assert found.id_hashes.tolist() == hash_of_ids(ids).tolist()
    assert found.record_numbers.tolist() == list(range(24))
    assert dict(zip(found.labels.tolist(), found.label_counts.tolist(), strict=True)) == {0: 12, 1: 8, 2: 4}
    assert found.decoded == 24


def test_a_sample_follows_from_ids_and_seed(task):
    counts = [findings(task, sample=0.5, seed=seed).decoded for seed in range(8)]
    assert counts == [findings(task, sample=0.5, seed=seed).decoded for seed in range(8)]
    assert len(set(counts)) > 1
    assert 8 < np.mean(counts) < 16
    assert findings(task, sample=1e-12).decoded == 0


def test_a_shard_that_cannot_be_read(task):
    found = findings(task, folder=Path("/nowhere"))
    assert [problem.text for problem in found.problems] == ["cannot be read: No such file or directory"]
    assert found.id_hashes.size == 0


def test_a_problem_reads_as_a_line():
    assert str(Problem(file="f", text="bad")) == "f: bad"
    assert str(Problem(file="f", record=0, image_id="a", text="bad")) == "f record 0 (a): bad"
