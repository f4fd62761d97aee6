"""Settings of optimizer and schedule that are refused."""

from typing import Any

import pytest

from tfland.config import OptimizerConfig
from tfland.config_io import config_from_dict


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"accumulation_steps": 0}, r"optimizer.accumulation_steps is 0; give a number of at least 1"),
        ({"backbone_rate": 0.0}, r"optimizer.backbone_rate is 0.0; give a number above 0"),
        ({"freeze_backbone_epochs": -1.0}, r"optimizer.freeze_backbone_epochs is -1.0; give a number of at least 0"),
        ({"average_decay": 1.0}, r"optimizer.average_decay is 1.0; give a share of at least 0 and below 1; 0 for none"),
    ],
)
def test_a_value_out_of_range_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        OptimizerConfig(**settings)


def experiment(task: str = "classify", weights: str = "none", **optimizer: Any) -> None:
    config_from_dict(
        {
            "task": task,
            "data": {"shards": "s"},
            "model": {"weights": weights},
            "optimizer": optimizer,
            "training": {"model_dir": "m", "epochs": 3, "batch_size": 8},
        }
    )


def test_a_freeze_longer_than_the_run_is_refused() -> None:
    experiment(freeze_backbone_epochs=3.0)
    with pytest.raises(ValueError, match=r"freeze_backbone_epochs is 4.0; it exceeds training.epochs \(3\)"):
        experiment(freeze_backbone_epochs=4.0)


@pytest.mark.parametrize("settings", [{"freeze_backbone_epochs": 1.0}, {"backbone_rate": 0.5}])
def test_delf_attention_has_no_backbone_to_treat_differently(settings: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r'task "delf_attention" never trains the backbone'):
        experiment("delf_attention", "some/model", **settings)


def test_a_batch_that_cannot_be_cut_into_micro_batches_is_refused() -> None:
    with pytest.raises(
        ValueError, match=r"training.batch_size is 8; it must be a multiple of .*accumulation_steps \(3\)"
    ):
        experiment(accumulation_steps=3)
