"""What a hyper-parameter search is, read from a YAML file."""

import itertools
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from tfland.config import ExperimentConfig
from tfland.config_io import config_from_dict, config_to_dict, load_config, read_yaml
from tfland.hyperparameters.space import Parameter, parse_parameter

# Decided by the search itself, or no matter of how good a model becomes.
_FIXED = frozenset({"data.shards", "training.model_dir", "training.strategy"})


@dataclass(frozen=True, kw_only=True)
class _SearchFile:
    """The keys of the file and their defaults; see `SearchConfig`."""

    experiment: str
    out: str
    space: dict[str, Any]
    sampler: Literal["tpe", "random", "grid"] = "tpe"
    trials: int = 20
    metric: str = "validation_gap"
    prune_after_epochs: int | None = None
    seed: int = 0
    settings: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class SearchConfig:
    """A search.

    Attributes:
        experiment: what every trial trains, but for the parameters.
        out: folder of the study, its trials and its result.
        space: the parameters by key, such as "schedule.learning_rate".
        sampler: "tpe" (tree-structured Parzen estimator, Bergstra et al. 2011; the Bayesian search of seed 002),
            "random", or "grid" (every combination once; seed 002 used both).
        trials: how many there are in all; a grid has as many as combinations.
        metric: of an epoch, such as "validation_gap"; the best epoch counts. One that ends in "loss" is to be small.
        prune_after_epochs: a trial whose metric is worse than the median of the others at the same epoch is stopped,
            but never in this many first epochs; None trains every trial to its end.
        seed: of the sampler.
    """

    experiment: ExperimentConfig
    out: Path
    space: dict[str, Parameter]
    sampler: Literal["tpe", "random", "grid"]
    trials: int
    metric: str
    prune_after_epochs: int | None
    seed: int

    def __post_init__(self) -> None:
        if not self.space:
            raise ValueError("space is empty; give parameters such as schedule.learning_rate: {low: 0.001, high: 0.1}")
        for name, value, least in (("trials", self.trials, 1), ("seed", self.seed, 0)):
            if value < least:
                raise ValueError(f"{name} is {value!r}; give a whole number of at least {least}")
        if self.prune_after_epochs is not None and self.prune_after_epochs < 1:
            raise ValueError(f"prune_after_epochs is {self.prune_after_epochs!r}; give at least 1, or null")
        if self.metric.startswith("validation_") and self.experiment.data.validation_split is None:
            raise ValueError(f"metric is {self.metric!r}, but the experiment has no data.validation_split")
        _check_space(self.experiment, self.space)
        if self.sampler == "grid":
            self.grid()

    @property
    def minimize(self) -> bool:
        """Whether small values of the metric are good."""
        return self.metric.endswith("loss")

    @property
    def num_trials(self) -> int:
        """Trials in all."""
        return len(self.grid()) if self.sampler == "grid" else self.trials

    def grid(self) -> list[dict[str, Any]]:
        """Every combination of the parameters' values, the last parameter running fastest.

        Raises:
            ValueError: a parameter has no finite list of values.
        """
        values = [parameter.values(key) for key, parameter in self.space.items()]
        return [dict(zip(self.space, combination, strict=True)) for combination in itertools.product(*values)]

    def trial_experiment(self, settings: dict[str, Any], model_dir: Path) -> ExperimentConfig:
        """The experiment with these values of the parameters.

        Raises:
            ValueError: they do not go together.
        """
        changed = OmegaConf.create(config_to_dict(self.experiment))
        for key, value in {**settings, "training.model_dir": str(model_dir)}.items():
            OmegaConf.update(changed, key, value)
        return config_from_dict({str(k): v for k, v in OmegaConf.to_container(changed).items()}, f"trial {settings}")  # type: ignore[union-attr]


def load_search(path: Path) -> SearchConfig:
    """Reads a search; `experiment` is a path beside the file, or from the working folder.

    Raises:
        ValueError: not YAML, an unknown key, a value of a wrong type or range, or a parameter that no experiment has.
        OSError: a file is missing.
    """
    values = read_yaml(path, "a search is a mapping with the keys experiment, out, space …")
    try:
        merged = OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(_SearchFile), values))
    except OmegaConfBaseException as error:
        raise ValueError(f"{path}: {error}") from error
    if not isinstance(merged, _SearchFile):
        raise TypeError(f"{path} became {type(merged).__name__}")
    beside = path.parent / merged.experiment
    return SearchConfig(
        experiment=load_config(beside if beside.exists() else Path(merged.experiment), merged.settings),
        out=Path(merged.out),
        space={key: parse_parameter(f"space.{key}", value) for key, value in merged.space.items()},
        sampler=merged.sampler,
        trials=merged.trials,
        metric=merged.metric,
        prune_after_epochs=merged.prune_after_epochs,
        seed=merged.seed,
    )


def _check_space(experiment: ExperimentConfig, space: dict[str, Parameter]) -> None:
    """Refuses parameters that no experiment has, and values that their section refuses whatever else is set."""
    settings = OmegaConf.structured(experiment)
    for key, parameter in space.items():
        section, _, name = key.partition(".")
        if key in _FIXED or not name or section not in settings or name not in settings[section]:
            why = "the search sets it itself" if key in _FIXED else "an experiment has no such setting"
            raise ValueError(f"space.{key}: {why}; name a setting such as schedule.learning_rate")
        for value in parameter.extremes():
            try:
                # The section alone: combinations that only another parameter makes possible are not refused here.
                OmegaConf.to_object(OmegaConf.merge(settings[section], {name: value}))
            except (OmegaConfBaseException, ValueError) as error:
                raise ValueError(f"space.{key}: {str(error).splitlines()[0]}") from error
