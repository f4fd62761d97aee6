"""The ends of epochs: early stopping, the best model, alarms."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfland.config import LossConfig, TrainingConfig
from tfland.losses.build import build_loss
from tfland.training.model_dir import CHECKPOINTS_FOLDER, CURVES_FILE, weights_digest
from tfland.training.periods import Periods, blind_loss
from tfland.training.progress import Board, Epoch, History
from tfland.training.timetable import Timetable
from tfrecords_builder.terminal import CheckFailed

STEPS_PER_EPOCH = 2


class Ends:
    """Periods over a network whose only weight is the number of the step."""

    def __init__(self, folder: Path, gaps: list[float], **settings: Any) -> None:
        (folder / CHECKPOINTS_FOLDER).mkdir()
        image = keras.Input((1,))
        self.network = keras.Model(image, keras.layers.Dense(1, use_bias=False)(image))
        self.totals = tf.Variable(tf.zeros([3], tf.float64))
        self.entries: list[Epoch] = []
        scores = iter(gaps)
        training = TrainingConfig(model_dir=str(folder), batch_size=2, epochs=len(gaps), **settings)
        self.periods = Periods(
            training,
            Timetable(training, 2 * STEPS_PER_EPOCH),
            self.totals,
            History(),
            Board(None, 2),
            rate=lambda step: 0.1 / (step + 1),
            validate=lambda: {"gap": next(scores)},
            export=self._export,
            blind_loss=2.0,
            is_chief=True,
            on_epoch=self.entries.append,
        )

    @contextmanager
    def _export(self) -> Iterator[keras.Model]:
        yield self.network

    def epoch(self, step: int) -> None:
        self.network.set_weights([np.full((1, 1), float(step), np.float32)])
        self.totals.assign([8.0, 3.0, 4.0])
        self.periods.end(step)
        self.periods.forget_others()


def test_an_entry_holds_the_scores_and_the_totals_begin_anew(tmp_path: Path) -> None:
    ends = Ends(tmp_path, [0.5])
    ends.epoch(2)
    expected = {
        "epoch": 1, "step": 2, "train_loss": 2.0, "train_top1": 0.75, "learning_rate": 0.05, "validation_gap": 0.5,
    }  # fmt: skip
    assert ends.periods.history.epochs == ends.entries == [expected]
    assert not ends.totals.numpy().any()
    assert (tmp_path / CURVES_FILE).exists()


def test_the_best_model_is_kept_and_patience_ends_the_run(tmp_path: Path) -> None:
    ends = Ends(tmp_path, [0.1, 0.5, 0.4, 0.3, 0.9], patience=2)
    for step in (2, 4, 6):
        ends.epoch(step)
        assert not ends.periods.stopped_early()
    ends.epoch(8)
    assert ends.periods.stopped_early()
    (best,) = (tmp_path / CHECKPOINTS_FOLDER).glob("best-*")
    assert best.name == "best-4.keras"
    assert keras.saving.load_model(best, compile=False).get_weights()[0].item() == 4.0
    assert weights_digest(ends.network) != weights_digest(keras.saving.load_model(best, compile=False))


@pytest.mark.parametrize(("summed_loss", "alarmed"), [(8.0, True), (7.93, True), (7.9, False)])
def test_a_network_that_does_not_learn(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, summed_loss: float, alarmed: bool
) -> None:
    ends = Ends(tmp_path, [0.5])
    ends.totals.assign([summed_loss, 0.0, 4.0])
    ends.periods.judge(1)
    assert ("no better than the 2 of a network that knows nothing: it does not learn" in caplog.text) is alarmed


def test_an_alarm_can_end_the_run(tmp_path: Path) -> None:
    ends = Ends(tmp_path, [0.5], not_learning="stop")
    ends.totals.assign([8.0, 0.0, 4.0])
    with pytest.raises(
        CheckFailed, match=r"after 1 steps the training loss is 2, no better .* training.not_learning=warn"
    ):
        ends.periods.judge(1)


def test_the_loss_of_a_network_that_knows_nothing() -> None:
    labels = np.arange(200) % 5
    assert blind_loss(build_loss(LossConfig(), [40] * 5), labels, 5) == pytest.approx(np.log(5), rel=1e-6)
    # With all cosines 0 ArcFace's target has the logit scale * cos(90° + margin) = -scale * sin(margin).
    config = LossConfig(name="arcface", scale=10.0, margin=0.3)
    target = -10 * np.sin(0.3)
    expected = np.log(np.exp(target) + 4) - target
    assert blind_loss(build_loss(config, [40] * 5), labels, 5) == pytest.approx(expected, rel=1e-4)


Make = Callable[..., Any]


@pytest.mark.usefixtures("tiny_resnet")
def test_a_run_ends_early_and_keeps_its_best(make_shards: Make, make_config: Make) -> None:
    from tfland.training import train

    config = make_config(
        make_shards(train=[0, 1, 0, 1], validation=[0, 1]),
        data={"validation_split": "validation"},
        # Nothing is learnt at this rate, so that the second validation is no better than the first.
        schedule={"learning_rate": 1e-12},
        training={
            "epochs": None,
            "steps": 50,
            "validate_every_steps": 1,
            "patience": 1,
            "best_metric": "validation_top1",
            "knn": "top3",
        },
    )
    metrics = train(config).metrics
    assert metrics["num_steps"] == metrics["final"]["step"] < 50
    top1 = [entry["validation_top1"] for entry in metrics["epochs"]]
    assert top1[-1] <= max(top1[:-1])
    assert train(config).metrics == metrics
