"""Settings (frozen dataclasses) as JSON writes them, and back: a build folder says how it was built.

Order is kept where it counts: tuples become lists, and no meaning lies in the order of keys, which JSON files sort.
"""

import types
from collections.abc import Collection
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

Settings = TypeVar("Settings")


def to_tree(settings: Any, leave_out: Collection[str] = ()) -> Any:
    """Returns settings as dictionaries, lists, text and numbers.

    Args:
        settings: a dataclass, or a value of one.
        leave_out: fields of the outermost dataclass that are no part of it.

    Raises:
        TypeError: a value is of a type that JSON cannot hold.
    """
    if is_dataclass(settings):
        names = [field.name for field in fields(settings) if field.name not in leave_out]
        return {name: to_tree(getattr(settings, name)) for name in names}
    if isinstance(settings, (tuple, list)):
        return [to_tree(value) for value in settings]
    if isinstance(settings, Enum):
        return to_tree(settings.value)
    if isinstance(settings, Path):
        return str(settings)
    if settings is None or isinstance(settings, (bool, int, float, str)):
        return settings
    raise TypeError(f"a setting of type {type(settings).__name__} cannot be written as JSON")


def from_tree(kind: type[Settings], tree: Any, **further: Any) -> Settings:
    """Returns the settings that `to_tree` turned into `tree`.

    Args:
        kind: the dataclass.
        tree: its dictionary.
        further: fields that the tree does not hold.

    Raises:
        ValueError: the tree does not describe such settings; those of another version of this tool, for one.
    """
    if not isinstance(tree, dict):
        raise ValueError(f"{kind.__name__}: expected its fields, found {tree!r}")
    hints = get_type_hints(kind)
    unknown = sorted(tree.keys() - hints.keys())
    if unknown:
        raise ValueError(f"{kind.__name__} has no field {unknown[0]!r}; was this written by another version?")
    try:
        return kind(**{name: _restore(hints[name], value) for name, value in tree.items()}, **further)
    except TypeError as error:
        raise ValueError(f"{kind.__name__}: {error}") from error


def _restore(hint: Any, value: Any) -> Any:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        if value is None:
            return None
        return _restore(next(argument for argument in arguments if argument is not type(None)), value)
    if origin is tuple:
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return tuple(_restore(arguments[0], item) for item in value)
        return tuple(_restore(argument, item) for argument, item in zip(arguments, value, strict=True))
    if isinstance(hint, type) and is_dataclass(hint):
        return from_tree(hint, value)
    if isinstance(hint, type) and issubclass(hint, (Enum, Path)):
        return hint(value)
    return value
