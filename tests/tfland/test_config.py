"""Every experiment setting is refused with its name, its value and what to do."""

import dataclasses
from typing import Any

import pytest

from tfland import config as c

DATA = c.DataConfig(shards="shards")
TRAINING = c.TrainingConfig(model_dir="model")


def test_defaults_are_valid_and_frozen() -> None:
    config = c.ExperimentConfig(data=DATA, training=TRAINING)
    assert config.task == "classify"
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.task = "delf_attention"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("section", "values", "message"),
    [
        (c.ModelConfig, {"gem_p": 0.0}, r"model.gem_p is 0.0; give a number above 0"),
        (c.ModelConfig, {"gem_p": float("nan")}, r"model.gem_p is nan"),
        (c.ModelConfig, {"embedding_size": -1}, r"model.embedding_size is -1; .* at least 0"),
        (c.ModelConfig, {"dropout": 1.0}, r"model.dropout is 1.0; .* below 1"),
        (c.ModelConfig, {"weights": ""}, r"model.weights is ''"),
        (c.LossConfig, {"scale": -1.0}, r"loss.scale is -1.0"),
        (c.LossConfig, {"margin": 2.0}, r"loss.margin is 2.0; .* at most 1.5"),
        (c.LossConfig, {"label_smoothing": 1.0}, r"loss.label_smoothing is 1.0"),
        (c.DataConfig, {"shards": ""}, r"data.shards is ''; give the folder"),
        (c.DataConfig, {"shards": "s", "image_size": 8}, r"data.image_size is 8; .* at least 32"),
        (c.DataConfig, {"shards": "s", "shift_pixels": -1}, r"data.shift_pixels is -1"),
        (c.DataConfig, {"shards": "s", "crop_area_min": 0.0}, r"data.crop_area_min is 0.0"),
        (c.DataConfig, {"shards": "s", "rotation_degrees": 181.0}, r"data.rotation_degrees is 181.0"),
        (c.DataConfig, {"shards": "s", "colour_jitter": 1.0}, r"data.colour_jitter is 1.0"),
        (c.OptimizerConfig, {"momentum": 1.0}, r"optimizer.momentum is 1.0"),
        (c.OptimizerConfig, {"weight_decay": -1e-4}, r"optimizer.weight_decay is -0.0001"),
        (c.OptimizerConfig, {"clip_norm": float("inf")}, r"optimizer.clip_norm is inf"),
        (c.ScheduleConfig, {"learning_rate": 0.0}, r"schedule.learning_rate is 0.0"),
        (c.ScheduleConfig, {"warmup_epochs": -1.0}, r"schedule.warmup_epochs is -1.0"),
        (c.ScheduleConfig, {"step_epochs": 0.0}, r"schedule.step_epochs is 0.0"),
        (c.ScheduleConfig, {"gamma": 1.5}, r"schedule.gamma is 1.5"),
        (c.ScheduleConfig, {"floor": 1.0}, r"schedule.floor is 1.0; .* at most 0.01"),
        (c.TrainingConfig, {"model_dir": ""}, r"training.model_dir is ''"),
        (c.TrainingConfig, {"model_dir": "m", "epochs": 0}, r"training.epochs is 0; .* at least 1"),
        (c.TrainingConfig, {"model_dir": "m", "seed": 2**31}, r"training.seed is 2147483648"),
    ],
)
def test_a_bad_value_is_refused(section: Any, values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        section(**values)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"data": c.DataConfig(shards="s", negative_shards="n")},
            r"data.negative_shards is 'n'; only task \"gate\" takes them",
        ),
        (
            {"training": c.TrainingConfig(model_dir="m", best_metric="validation_auc")},
            r"training.best_metric is 'validation_auc'; only task \"gate\" has it",
        ),
        (
            {"task": "gate", "training": c.TrainingConfig(model_dir="m", best_metric="validation_knn_gap")},
            r"training.best_metric is 'validation_knn_gap'; a gate has no landmarks",
        ),
        (
            {"model": c.ModelConfig(head="cosine"), "loss": c.LossConfig(scale=1.0)},
            r"loss.scale is 1.0; a cosine head needs one well above 1; leave it out for 30",
        ),
        (
            {"loss": c.LossConfig(class_weights_from_epoch=8.0)},
            r"class_weights_from_epoch is 8.0; .*set loss.class_weights",
        ),
        (
            {"loss": c.LossConfig(class_weights="log", class_weights_from_epoch=10.0)},
            r"class_weights_from_epoch is 10.0; training ends before it, after 10 epochs",
        ),
        (
            {"task": "delf_descriptors", "model": c.ModelConfig(head="cosine")},
            r"model.head is 'cosine'; task .delf_descriptors. has a linear head of its own",
        ),
        ({"loss": c.LossConfig(name="arcface")}, r"model.head is 'linear'; .*set model.head=cosine"),
        ({"schedule": c.ScheduleConfig(warmup_epochs=11.0)}, r"warmup_epochs is 11.0; .*training.epochs \(10\)"),
        (
            {
                "task": "delf_descriptors",
                "loss": c.LossConfig(name="arcface"),
                "model": c.ModelConfig(head="cosine"),
            },
            r"loss.name is 'arcface'; task .delf_descriptors. trains with softmax",
        ),
        ({"task": "delf_attention"}, r"model.weights is 'none'; .*delf_descriptors"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        c.ExperimentConfig(**{"data": DATA, "training": TRAINING, **values})
