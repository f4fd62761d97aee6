"""JSON files that hold one object: settings, notes, manifests. Equal content gives equal bytes."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tfrecords_builder.atomic import atomic_write


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Writes an object whole, with sorted keys.

    Raises:
        OSError: the file cannot be written.
    """
    with atomic_write(path) as file:
        json.dump(content, file, indent=2, sort_keys=True)
        file.write("\n")


def read_object(path: Path, remedy: str = "delete it and run the same command again") -> dict[str, Any]:
    """Returns the object that a JSON file holds.

    Args:
        path: the file.
        remedy: what to do where it holds none; ends the message.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is not JSON, or holds something other than an object.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is not JSON: {error}; {remedy}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path} must hold a JSON object, not a {type(content).__name__}; {remedy}")
    return content
