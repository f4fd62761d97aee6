"""The photographs of a gate: of one folder, or with the negatives in another."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tfland.config import DataConfig
from tfland.data.photographs import open_photographs
from tfland.data.pipeline import evaluation_dataset, training_dataset
from tfrecords_builder import schema
from tfrecords_builder.config import BuildConfig
from tfrecords_builder.shards import build_shards
from tfrecords_builder.splits import SplitPlan

Shards = Callable[..., Path]


def as_gate(folder: Path, negatives: Path | None = None, **settings: object) -> DataConfig:
    return DataConfig(
        shards=str(folder), negative_shards=None if negatives is None else str(negatives), image_size=32, **settings
    )


def test_negatives_of_the_same_folder(make_shards: Shards) -> None:
    found = open_photographs(as_gate(make_shards(train=[0, 1, -1], validation=[1, -1])), gate=True)
    assert found.training_labels.tolist() == [1, 1, 0]
    assert found.validation_labels.tolist() == [1, 0]
    assert found.label_map.images.tolist() == [1, 2]


def test_negatives_of_another_folder_come_behind(make_shards: Shards) -> None:
    landmarks = make_shards(train=[0, 1, 1], validation=[1, -1])
    negatives = make_shards("negatives", train=[-1, -1], validation=[-1])
    found = open_photographs(as_gate(landmarks, negatives), gate=True)
    assert found.training_labels.tolist() == [1, 1, 1, 0, 0]
    assert found.validation_labels.tolist() == [1, 0, 0]
    assert found.digest() != open_photographs(as_gate(landmarks)).digest()


def test_batches_hold_the_two_classes(make_shards: Shards) -> None:
    landmarks = make_shards(train=[0, 1, 2], validation=[1])
    negatives = make_shards("n", train=[-1] * 3, validation=[-1])
    config = as_gate(landmarks, negatives)
    found = open_photographs(config, gate=True)
    batches = training_dataset(found.training, config, batch_size=3, seed=0, start_step=0, num_steps=2)
    assert sorted(np.concatenate([labels for _, labels in batches.as_numpy_iterator()])) == [0, 0, 0, 1, 1, 1]
    assert found.validation is not None
    _, labels = next(iter(evaluation_dataset(found.validation, config, batch_size=2)))
    assert labels.numpy().tolist() == [1, 0]


def test_bad_records_of_either_folder_are_left_out(make_shards: Shards) -> None:
    landmarks, negatives = make_shards(train=[0, 1]), make_shards("n", train=[-1, -1])
    (shard,) = negatives.glob("train-00000-*.tfrecord")
    data = bytearray(shard.read_bytes())
    data[300] ^= 0xFF
    shard.write_bytes(data)
    found = open_photographs(as_gate(landmarks, negatives, validation_split=None, on_bad_record="skip"), gate=True)
    assert found.training_labels.tolist() == [1, 1, 0]
    assert found.training.targets == "landmark_or_not"


@pytest.mark.parametrize(
    ("train", "negative_train", "message"),
    [
        ([0, 1], None, "'train' has no photograph of class 'not'; build shards of photographs without a landmark"),
        ([0, 1], [0], r"n/train-00000.* label 0 \(1 such records\), but data.negative_shards holds"),
        ([-1, -1], [-1], "'train' has no photograph of class 'landmark'"),
    ],
)
def test_refusals(make_shards: Shards, train: list[int], negative_train: list[int] | None, message: str) -> None:
    landmarks = make_shards(train=train, num_shards=1)
    negatives = None if negative_train is None else make_shards("n", num_shards=1, train=negative_train)
    with pytest.raises(ValueError, match=message):
        open_photographs(as_gate(landmarks, negatives, validation_split=None), gate=True)


def test_a_validation_without_negatives_is_refused(make_shards: Shards) -> None:
    with pytest.raises(ValueError, match="validation_split 'validation' has no photograph of class 'not'"):
        open_photographs(as_gate(make_shards(train=[0, -1], validation=[0, 0])), gate=True)


def test_a_flat_folder_becomes_negative_shards(tmp_path: Path, make_shards: Shards) -> None:
    """As in configs/seed000_gate.yaml: build catalog, then build shards."""
    import cv2

    from tfrecords_builder.folder_catalog import write_folder_catalog

    folder = tmp_path / "streets"
    folder.mkdir()
    for number in range(6):
        cv2.imwrite(str(folder / f"street {number}.jpg"), np.full((40, 50, 3), 30 * number, np.uint8))
    write_folder_catalog(folder, tmp_path / "catalogue")
    build = BuildConfig(
        csv=tmp_path / "catalogue" / schema.CATALOGUE_FILE,
        images=tmp_path / "catalogue" / "images",
        out=tmp_path / "negatives",
        splits=SplitPlan(names=("train", "validation"), fractions=(2 / 3, 1 / 3)),
        num_shards=1,
    )
    build_shards(build)
    found = open_photographs(as_gate(make_shards(train=[0], validation=[0]), build.out), gate=True)
    assert found.training_labels.tolist() == [1] + [0] * 4
    assert found.validation_labels.tolist() == [1, 0, 0]
