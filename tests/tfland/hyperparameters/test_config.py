"""A search's YAML file."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tfland.config_io import config_to_dict
from tfland.hyperparameters.config import load_search


def test_a_search_is_read(write_search: Callable[..., Path]) -> None:
    search = load_search(write_search(settings=["training.epochs=3"], prune_after_epochs=1))
    assert list(search.space) == ["schedule.learning_rate", "loss.margin"]
    assert (search.sampler, search.num_trials, search.prune_after_epochs) == ("tpe", 8, 1)
    assert search.experiment.training.epochs == 3
    assert not search.minimize
    assert load_search(write_search(metric="train_loss")).minimize


def test_a_trial_differs_from_the_experiment_in_its_settings_alone(write_search: Callable[..., Path]) -> None:
    search = load_search(write_search())
    trial = search.trial_experiment({"schedule.learning_rate": 0.5, "loss.margin": 0.1}, Path("there"))
    assert (trial.schedule.learning_rate, trial.loss.margin, trial.training.model_dir) == (0.5, 0.1, "there")
    expected = config_to_dict(search.experiment)
    expected["schedule"]["learning_rate"], expected["loss"]["margin"] = 0.5, 0.1
    expected["training"]["model_dir"] = "there"
    assert config_to_dict(trial) == expected


def test_a_grid_has_every_combination_once(write_search: Callable[..., Path]) -> None:
    space = {"schedule.warmup_epochs": {"low": 0.0, "high": 1.0, "step": 0.5}, "loss.margin": [0.1, 0.3]}
    search = load_search(write_search(sampler="grid", space=space))
    assert search.num_trials == 6
    assert search.grid()[:3] == [
        {"schedule.warmup_epochs": 0.0, "loss.margin": 0.1},
        {"schedule.warmup_epochs": 0.0, "loss.margin": 0.3},
        {"schedule.warmup_epochs": 0.5, "loss.margin": 0.1},
    ]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"space": {}}, "space is empty"),
        ({"space": {"schedule.lr": [1]}}, "space.schedule.lr: an experiment has no such setting"),
        ({"space": {"task": ["classify"]}}, "space.task: an experiment has no such setting"),
        ({"space": {"training.model_dir": ["a"]}}, "space.training.model_dir: the search sets it itself"),
        ({"space": {"model.dropout": [0.1, 1.5]}}, "space.model.dropout: model.dropout is 1.5"),
        ({"space": {"model.backbone": ["resnet18", "resnet99"]}}, "space.model.backbone: "),
        ({"space": {"training.batch_size": [16, "many"]}}, "space.training.batch_size: "),
        ({"trials": 0}, "trials is 0"),
        ({"seed": -1}, "seed is -1"),
        ({"prune_after_epochs": 0}, "prune_after_epochs is 0"),
        ({"sampler": "grid"}, "space.schedule.learning_rate is a range; a grid needs"),
        ({"sampler": "bayes"}, "sampler"),
        ({"tirals": 3}, "tirals"),
        ({"settings": ["data.validation_split=null"]}, "metric is 'validation_gap', but the experiment has no"),
    ],
)
def test_mistakes_are_refused(write_search: Callable[..., Path], values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load_search(write_search(**values))


def test_settings_that_need_each_other_may_be_searched_together(write_search: Callable[..., Path]) -> None:
    space = {"loss.name": ["softmax", "arcface"], "model.head": ["linear", "cosine"]}
    search = load_search(write_search(space=space))
    with pytest.raises(ValueError, match=r"model\.head"):
        search.trial_experiment({"loss.name": "arcface", "model.head": "linear"}, Path("there"))


def test_an_experiment_that_is_not_there(write_search: Callable[..., Path]) -> None:
    with pytest.raises(FileNotFoundError, match=r"no configuration at elsewhere\.yaml"):
        load_search(write_search(experiment="elsewhere.yaml"))
