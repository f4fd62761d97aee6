"""The `training` section: durations, and settings that contradict each other."""

from typing import Any

import pytest

from tfland.config import DataConfig, ExperimentConfig, TrainingConfig


def training(**values: Any) -> TrainingConfig:
    return TrainingConfig(model_dir="m", **values)


def test_durations_are_in_epochs_unless_steps_are_given() -> None:
    assert (training().epochs, training().steps) == (10, None)
    assert (training(steps=7).epochs, training(steps=7).steps) == (None, 7)
    assert training().validate_every_epochs == 1
    assert training(validate_every_steps=5).validate_every_epochs is None


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"epochs": 3, "steps": 5},
            r"training.epochs is 3; training.steps is 5; give one of the two and set the other",
        ),
        (
            {"validate_every_epochs": 1, "validate_every_steps": 5},
            r"validate_every_epochs is 1; training.validate_every_steps is 5; give one",
        ),
        ({"steps": 0}, r"training.steps is 0; .* at least 1"),
        ({"validate_every_steps": 0}, r"training.validate_every_steps is 0; .* at least 1"),
        ({"validate_every_epochs": 0}, r"training.validate_every_epochs is 0; .* at least 1"),
        ({"worker_timeout_seconds": 0}, r"training.worker_timeout_seconds is 0; .* at least 1"),
        ({"checkpoint_every_steps": 0}, r"training.checkpoint_every_steps is 0; .* at least 1"),
        ({"batch_size": 0}, r"training.batch_size is 0; .* at least 1"),
        ({"knn_images_per_class": -1}, r"training.knn_images_per_class is -1; .* at least 0"),
        ({"patience": -1}, r"training.patience is -1; .* at least 0"),
        ({"not_learning_steps": -1}, r"training.not_learning_steps is -1; .* at least 0"),
        ({"knn": "off", "best_metric": "validation_knn_gap"}, r"best_metric is .*; training.knn is off; set it to"),
    ],
)
def test_a_bad_value_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        training(**values)


def test_early_stopping_needs_validation() -> None:
    with pytest.raises(ValueError, match=r"training.patience is 2; there is no data.validation_split"):
        ExperimentConfig(data=DataConfig(shards="s", validation_split=None), training=training(patience=2))
