"""What a run reports about itself."""

from pathlib import Path

import cv2
import numpy as np
import tensorflow as tf

from tfland.training.progress import Board, History, describe, write_curves

EPOCHS = [
    {"epoch": 1, "train_loss": 2.0, "train_top1": 0.25},
    {"epoch": 2, "train_loss": 1.0, "train_top1": 0.5, "validation_loss": 1.5, "validation_top1": 0.375},
]


def test_a_history_is_a_variable() -> None:
    history = History()
    assert history.epochs == []
    for epoch in EPOCHS:
        history.append(epoch)
    restored = History()
    restored.variable.assign(history.variable)
    assert restored.epochs == EPOCHS


def test_an_epoch_in_a_line() -> None:
    assert describe(EPOCHS[0], 20) == "epoch 1/20: train_loss 2.0000, train_top1 0.2500"


def test_curves_are_a_picture_and_the_same_each_time(tmp_path: Path) -> None:
    write_curves(EPOCHS, tmp_path / "a.png")
    write_curves(EPOCHS, tmp_path / "b.png")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    picture = cv2.imread(str(tmp_path / "a.png"))
    assert picture.shape == (350, 900, 3)
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 10


def test_scalars_reach_tensorboard(tmp_path: Path) -> None:
    board = Board(tmp_path, batch_size=8)
    board.steps(5, 2, {"train/loss": 0.75})
    board.scalars(6, {"validation/top1": 0.5})
    (events,) = tmp_path.glob("events.*")
    found = {}
    for record in tf.data.TFRecordDataset(str(events)):
        event = tf.compat.v1.Event.FromString(record.numpy())
        found |= {value.tag: (event.step, float(tf.make_ndarray(value.tensor))) for value in event.summary.value}
    assert found["train/loss"] == (5, 0.75)
    assert found["validation/top1"] == (6, 0.5)
    assert found["images_per_second"][1] > 0
