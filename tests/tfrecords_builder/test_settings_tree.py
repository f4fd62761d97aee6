import json
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import pytest

from tfrecords_builder.settings_tree import from_tree, to_tree


class Colour(StrEnum):
    RED = "red"


@dataclass(frozen=True)
class Inner:
    pairs: tuple[tuple[int, str], ...] = ()
    size: tuple[int, int] | None = None


@dataclass(frozen=True)
class Outer:
    place: Path
    inner: Inner = Inner()
    share: float = 0.1
    colour: Colour = Colour.RED
    note: str | None = None


def test_there_and_back_through_json():
    settings = Outer(Path("a/b"), Inner(pairs=((2, "x"), (1, "y")), size=(3, 4)), share=0.1 + 0.2, note="n")
    tree = json.loads(json.dumps(to_tree(settings), sort_keys=True))
    assert from_tree(Outer, tree) == settings
    assert tree["inner"]["pairs"] == [[2, "x"], [1, "y"]]


def test_fields_that_are_left_out_are_given_again():
    tree = to_tree(Outer(Path("a")), leave_out=["place"])
    assert "place" not in tree
    assert from_tree(Outer, tree, place=Path("b")) == Outer(Path("b"))


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ({"place": "a", "nonsense": 1}, "Outer has no field 'nonsense'; was this written by another version"),
        ({}, "Outer: .*missing 1 required"),
        ([], r"Outer: expected its fields, found \[\]"),
        ({"place": "a", "inner": 3}, "Inner: expected its fields, found 3"),
        ({"place": "a", "colour": "blue"}, "'blue' is not a valid Colour"),
        ({"place": "a", "inner": {"size": [1]}}, "zip"),
    ],
)
def test_what_describes_no_settings(tree, message):
    with pytest.raises(ValueError, match=message):
        from_tree(Outer, tree)


def test_what_json_cannot_hold():
    with pytest.raises(TypeError, match="a setting of type set cannot be written as JSON"):
        to_tree({1})
