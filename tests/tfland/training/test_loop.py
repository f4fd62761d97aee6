"""What ends a run early, and when reports and checkpoints come."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tfland.config import ExperimentConfig
from tfland.data.records import index_split
from tfland.training import loop, train
from tfrecords_builder.terminal import CheckFailed

pytestmark = pytest.mark.usefixtures("tiny_resnet")
Shards = Callable[..., Path]
MakeConfig = Callable[..., ExperimentConfig]


def test_a_loss_that_is_not_finite_names_its_step(make_shards: Shards, make_config: MakeConfig) -> None:
    config = make_config(
        make_shards(train=[0, 1, 2, 0] * 2),
        schedule={"learning_rate": 1e30, "name": "constant"},
        training={"epochs": 4, "checkpoint_every_steps": 1},
    )
    place = (
        r"the (output of layer '\w+'|weights of layer '\w+'|gradient of '\S+'|outputs of all) .*; lower .*\(1e\+30\)"
    )
    with pytest.raises(CheckFailed, match=r"the loss or a gradient of step \d+ is not a finite number: " + place):
        train(config)
    # The step before it was still sound, and is there to go on from.
    assert list((Path(config.training.model_dir) / "checkpoints").glob("step-*.index"))
    assert not (Path(config.training.model_dir) / "model.keras").exists()


@pytest.mark.parametrize("split", ["train", "validation"])
def test_a_corrupt_record_names_shard_and_offset(make_shards: Shards, make_config: MakeConfig, split: str) -> None:
    shards = make_shards(train=[0, 1, 2, 0] * 2, validation=[0, 1, 2], size=(64, 64))
    index = index_split(shards, split)
    offset = int(index.offsets[1])
    data = bytearray(index.shards[0].read_bytes())
    data[offset + 600] ^= 0xFF
    index.shards[0].write_bytes(data)
    config = make_config(shards, data={"validation_split": "validation"}, training={"epochs": 1})
    with pytest.raises(
        CheckFailed, match=rf"{split}-00000-of-00002.tfrecord, record at byte offset {offset}: its data"
    ):
        train(config)


@pytest.mark.parametrize(
    ("num_steps", "seconds", "expected"), [(1, 30.0, 1), (1, 0.5, 10), (10, 1.0, 50), (50, 0.01, 100)]
)
def test_inner_loops_last_a_few_seconds(num_steps: int, seconds: float, expected: int) -> None:
    assert loop._steps_in_time(num_steps, seconds) == expected


def test_validation_comes_as_often_as_asked_and_at_the_end(make_shards: Shards, make_config: MakeConfig) -> None:
    config = make_config(
        make_shards(train=[0, 1, 2, 0], validation=[0, 1]),
        data={"validation_split": "validation"},
        training={"epochs": 3, "validate_every_epochs": 2},
    )
    epochs = train(config).metrics["epochs"]
    assert ["validation_loss" in epoch for epoch in epochs] == [False, True, True]
    assert all(np.isfinite(epoch["train_loss"]) for epoch in epochs)
