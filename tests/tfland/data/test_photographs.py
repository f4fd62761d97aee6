"""Shards and labels are checked together, before a run begins."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tfland.config import DataConfig
from tfland.data.photographs import open_photographs

Shards = Callable[..., Path]


def test_both_splits_are_opened(make_shards: Shards) -> None:
    folder = make_shards(train=[0, 1, 1], validation=[1, -1])
    found = open_photographs(DataConfig(shards=str(folder)))
    assert found.training_labels.tolist() == [0, 1, 1]
    assert found.validation_labels.tolist() == [1, -1]
    assert len(found.label_map) == 2


def test_without_a_validation_split_there_is_none(make_shards: Shards) -> None:
    found = open_photographs(DataConfig(shards=str(make_shards(train=[0, 1])), validation_split=None))
    assert found.validation is None
    assert len(found.validation_labels) == 0


def test_a_validation_without_landmarks_is_refused(make_shards: Shards) -> None:
    folder = make_shards(train=[0, 1], validation=[-1, -1])
    with pytest.raises(ValueError, match=r"no photograph of data.validation_split 'validation' shows a landmark"):
        open_photographs(DataConfig(shards=str(folder)))


def test_a_label_without_a_class_is_refused(make_shards: Shards) -> None:
    folder = make_shards(train=[0, 1], validation=[2, 0])
    with pytest.raises(ValueError, match=r"validation-00000.* label 2 .*classes 0 to 1"):
        open_photographs(DataConfig(shards=str(folder)))


def test_the_digest_is_that_of_labels_and_records(make_shards: Shards) -> None:
    splits = {"train": [0, 1, 1], "validation": [0]}
    first, same, other = (
        open_photographs(DataConfig(shards=str(make_shards(name, **splits))))
        for name, splits in (("a", splits), ("b", splits), ("c", {**splits, "validation": [1]}))
    )
    assert first.digest() == same.digest()
    assert first.digest() != other.digest()
