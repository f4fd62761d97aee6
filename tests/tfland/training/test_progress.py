"""What a run reports about itself."""

from pathlib import Path

import pytest
import tensorflow as tf

from tfland.training.progress import Board, History, describe

EPOCHS = [
    {"epoch": 1, "step": 5, "train_loss": 2.0, "train_top1": 0.25},
    {"epoch": 2, "step": 10, "train_loss": 1.0, "train_top1": 0.5, "validation_loss": 1.5, "validation_top1": 0.375},
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
    assert describe(EPOCHS[0], 20) == "epoch 1, step 5/20: train_loss 2, train_top1 0.25"


def with_scores(metric: str, values: list[float | None]) -> History:
    history = History()
    for number, value in enumerate(values, start=1):
        history.append({"epoch": number, "step": number, **({} if value is None else {metric: value})})
    return history


@pytest.mark.parametrize(
    ("metric", "values", "best", "without_gain"),
    [
        ("validation_gap", [0.1, 0.5, 0.3, None, 0.4], 2, 2),
        ("validation_loss", [3.0, 1.0, 2.0], 2, 1),
        # Of equal ones the last is kept, but it is no gain.
        ("validation_gap", [0.5, 0.7, 0.7], 3, 1),
        ("validation_gap", [0.5], 1, 0),
        ("validation_gap", [None, None], None, 0),
    ],
)
def test_the_best_entry(metric: str, values: list[float | None], best: int | None, without_gain: int) -> None:
    history = with_scores(metric, values)
    found = history.best(metric)
    assert (found and found["epoch"]) == best
    assert history.validations_without_gain(metric) == without_gain


def test_scalars_reach_tensorboard(tmp_path: Path) -> None:
    board = Board(tmp_path, batch_size=8)
    board.steps(5, 2, {"train/loss": 0.75}, waited_seconds=1e9)
    board.scalars(6, {"validation/top1": 0.5})
    (events,) = tmp_path.glob("events.*")
    found = {}
    for record in tf.data.TFRecordDataset(str(events)):
        event = tf.compat.v1.Event.FromString(record.numpy())
        found |= {value.tag: (event.step, float(tf.make_ndarray(value.tensor))) for value in event.summary.value}
    assert found["train/loss"] == (5, 0.75)
    assert found["validation/top1"] == (6, 0.5)
    assert found["images_per_second"][1] > 0
    assert found["input_wait_share"] == (5, 1.0)


def test_a_worker_that_does_not_write_has_no_board(tmp_path: Path) -> None:
    Board(None, batch_size=8).steps(1, 1, {"train/loss": 0.75})
    assert not list(tmp_path.iterdir())
