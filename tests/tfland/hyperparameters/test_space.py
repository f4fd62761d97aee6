"""Parameters of a search."""

from typing import Any

import optuna
import pytest

from tfland.hyperparameters.space import Parameter, parse_parameter


@pytest.mark.parametrize(
    ("value", "parameter"),
    [
        ([1, "a", None], Parameter(choices=(1, "a", None))),
        ({"low": 1, "high": 3}, Parameter(low=1, high=3)),
        ({"low": 0.001, "high": 1, "log": True}, Parameter(low=0.001, high=1, log=True)),
        ({"low": 0, "high": 1, "step": 0.25}, Parameter(low=0.0, high=1.0, step=0.25)),
    ],
)
def test_what_can_be_written(value: Any, parameter: Parameter) -> None:
    assert parse_parameter("space.x", value) == parameter


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([], "at least one"),
        ([[1]], "at least one"),
        ([1, 2, 1], "twice"),
        (3, "give a list of values"),
        ({"low": 1}, "give a list of values"),
        ({"low": 1, "high": 2, "by": 1}, "give a list of values"),
        ({"low": "1", "high": 2}, "are numbers"),
        ({"low": True, "high": 2}, "are numbers"),
        ({"low": 2, "high": 2}, "low must be below high"),
        ({"low": 1, "high": float("inf")}, "both finite"),
        ({"low": 1, "high": 2, "log": "yes"}, "log true or false"),
        ({"low": 1, "high": 2, "step": 2}, "within the range"),
        ({"low": 1, "high": 8, "step": 1, "log": True}, "does not go with log"),
        ({"low": 0, "high": 2, "log": True}, "a low above 0"),
    ],
)
def test_what_cannot(value: Any, message: str) -> None:
    with pytest.raises(ValueError, match=rf"^space\.x is .*{message}"):
        parse_parameter("space.x", value)


@pytest.mark.parametrize(
    ("parameter", "values"),
    [
        (Parameter(choices=("a", None)), ("a", None)),
        (Parameter(low=1, high=4), (1, 2, 3, 4)),
        (Parameter(low=1, high=6, step=2), (1, 3, 5)),
        (Parameter(low=0.0, high=0.3, step=0.1), (0.0, 0.1, 0.2, pytest.approx(0.3))),
    ],
)
def test_the_values_of_a_grid(parameter: Parameter, values: tuple[Any, ...]) -> None:
    assert parameter.values("x") == values


@pytest.mark.parametrize("parameter", [Parameter(low=0.0, high=1.0), Parameter(low=0, high=10**6)])
def test_a_range_without_few_values_has_no_grid(parameter: Parameter) -> None:
    with pytest.raises(ValueError, match=r"space\.x is a range; a grid needs"):
        parameter.values("x")


@pytest.mark.parametrize(
    "parameter",
    [
        Parameter(choices=("a", 2, None)),
        Parameter(low=2, high=8, step=3),
        Parameter(low=1, high=64, log=True),
        Parameter(low=0.5, high=2.5, step=0.5),
        Parameter(low=1e-4, high=1.0, log=True),
    ],
)
def test_what_is_suggested_lies_in_the_range_and_stays(parameter: Parameter) -> None:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    for _ in range(20):
        trial = study.ask()
        value = parameter.suggest(trial, "x")
        assert parameter.suggest(trial, "x") == value
        if parameter.choices or parameter.step:
            assert value in parameter.values("x")
        else:
            assert parameter.low <= value <= parameter.high
            assert type(value) is type(parameter.low)
