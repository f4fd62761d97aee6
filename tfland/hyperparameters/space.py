"""The parameters of a search and the values that each may take."""

import math
from dataclasses import dataclass
from typing import Any

import optuna

# More values of one parameter than this are no grid that anybody trains.
_MAX_GRID_VALUES = 1000


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """One parameter: a list of choices, or a range.

    Attributes:
        choices: the values, where they are listed; else empty.
        low: smallest value of a range. A range of whole numbers has a whole `low` and a whole `high`.
        high: largest value of a range.
        step: distance of the range's values; None for all.
        log: draw evenly by magnitude.
    """

    choices: tuple[Any, ...] = ()
    low: float = 0.0
    high: float = 0.0
    step: float | None = None
    log: bool = False

    def suggest(self, trial: optuna.Trial, key: str) -> Any:
        """A trial's value; the same one each time it is asked for."""
        if self.choices:
            return trial.suggest_categorical(key, self.choices)
        if self._is_whole():
            return trial.suggest_int(key, int(self.low), int(self.high), step=int(self.step or 1), log=self.log)
        return trial.suggest_float(key, self.low, self.high, step=self.step, log=self.log)

    def extremes(self) -> tuple[Any, ...]:
        """The values that are most likely to be refused: all choices, or both ends."""
        return self.choices or (self.low, self.high)

    def values(self, key: str) -> tuple[Any, ...]:
        """All values.

        Raises:
            ValueError: it is a range without steps, or one of too many; the message names `key`.
        """
        if self.choices:
            return self.choices
        step = self.step or (1 if self._is_whole() else None)
        if step is None or (self.high - self.low) / step > _MAX_GRID_VALUES:
            raise ValueError(
                f"space.{key} is a range; a grid needs a list of values, or a step of which few fit into it"
            )
        count = math.floor((self.high - self.low) / step + 1e-9) + 1
        return tuple(self.low + number * step for number in range(count))

    def _is_whole(self) -> bool:
        return isinstance(self.low, int) and isinstance(self.high, int)


def parse_parameter(key: str, value: Any) -> Parameter:
    """Reads a list of choices or a mapping with low, high, step and log.

    Raises:
        ValueError: it is neither, or no such range exists; the message names `key`.
    """
    if isinstance(value, list):
        return Parameter(choices=_choices(key, value))
    if not isinstance(value, dict) or not {"low", "high"} <= value.keys() <= {"low", "high", "step", "log"}:
        raise ValueError(f"{key} is {value!r}; give a list of values, or low and high, with step or log")
    low, high, step, log = value["low"], value["high"], value.get("step"), value.get("log", False)
    numbers = [low, high] + ([] if step is None else [step])
    if any(isinstance(number, bool) or not isinstance(number, int | float) for number in numbers):
        raise ValueError(f"{key} is {value!r}; low, high and step are numbers")
    if not all(map(math.isfinite, numbers)) or not low < high or not isinstance(log, bool):
        raise ValueError(f"{key} is {value!r}; low must be below high, both finite, and log true or false")
    if step is not None and (log or not 0 < step <= high - low):
        raise ValueError(f"{key} is {value!r}; a step lies above 0 and within the range, and does not go with log")
    if isinstance(low, int) and isinstance(high, int) and isinstance(step, float):
        low, high = float(low), float(high)
    if log and low <= 0:
        raise ValueError(f"{key} is {value!r}; log needs a low above 0")
    return Parameter(low=low, high=high, step=step, log=log)


def _choices(key: str, values: list[Any]) -> tuple[Any, ...]:
    if not values or any(not isinstance(value, str | int | float | bool | None) for value in values):
        raise ValueError(f"{key} is {values!r}; give at least one number, text, true, false or null")
    if len(set(map(repr, values))) < len(values):
        raise ValueError(f"{key} is {values!r}; a value occurs twice")
    return tuple(values)
