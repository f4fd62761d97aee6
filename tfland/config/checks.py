"""How a setting is refused: the field, the value seen, the rule."""

import math
from typing import NoReturn


def refuse(field_name: str, value: object, rule: str) -> NoReturn:
    """Raises ValueError for a field's value; `rule` says what to give instead."""
    raise ValueError(f"{field_name} is {value!r}; {rule}")


def check_between(field_name: str, value: float, low: float, high: float = math.inf) -> None:
    """Refuses a number outside low … high, and one that is not finite."""
    if not (low <= value <= high and math.isfinite(value)):
        upper = "" if high == math.inf else f" and at most {high:g}"
        refuse(field_name, value, f"give a number of at least {low:g}{upper}")


def check_positive(field_name: str, value: float) -> None:
    """Refuses a number that is not above 0, and one that is not finite."""
    if not (value > 0 and math.isfinite(value)):
        refuse(field_name, value, "give a number above 0")
