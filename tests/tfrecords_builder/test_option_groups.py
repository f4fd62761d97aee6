import inspect
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pytest
import typer

from tfrecords_builder.option_groups import grouped
from tfrecords_builder.terminal import CONTEXT_SETTINGS, run_app


@dataclass(frozen=True, kw_only=True)
class Colours:
    red: Annotated[int, typer.Option(help="How red.")] = 1
    names: list[str] | None = None
    file: Path | None = None


@pytest.fixture
def called() -> list[tuple]:
    return []


@pytest.fixture
def app(called) -> typer.Typer:
    app = typer.Typer(context_settings=CONTEXT_SETTINGS)

    @app.command()
    @grouped
    def paint(out: Annotated[Path, typer.Option()], colours: Colours, seed: int = 3) -> None:
        """Paints a wall."""
        called.append((out, colours, seed))

    app.callback()(lambda: None)
    return app


def test_options_of_a_group_arrive_as_the_group(app, called):
    assert run_app(app, ["paint", "--out", "wall"]) == 0
    line = ["paint", "--out", "wall", "--red", "5", "--names", "a", "--names", "b", "--file", "x", "--seed", "4"]
    assert run_app(app, line) == 0
    assert called == [
        (Path("wall"), Colours(), 3),
        (Path("wall"), Colours(red=5, names=["a", "b"], file=Path("x")), 4),
    ]


def test_help_shows_the_options_in_the_order_of_the_parameters(app, capsys):
    assert run_app(app, ["paint", "--help"]) == 0
    shown = capsys.readouterr().out
    places = [shown.index(text) for text in ("Paints a wall.", "--out", "--red", "How red.", "--names", "--seed")]
    assert places == sorted(places)
    assert "--colours" not in shown


def test_wrong_values_and_names_are_refused(app, called, capsys):
    assert run_app(app, ["paint", "--out", "wall", "--red", "much"]) == 2
    assert "Invalid value for '--red'" in capsys.readouterr().err
    assert run_app(app, ["paint", "--out", "wall", "--colours", "x"]) == 2
    assert run_app(app, ["paint"]) == 2
    assert called == []


def test_two_options_of_one_name_are_a_mistake_in_the_program():
    def paint(red: int, colours: Colours) -> None: ...

    with pytest.raises(ValueError, match="red"):
        grouped(paint)


def test_the_command_keeps_its_name_and_its_text():
    def paint(colours: Colours) -> None:
        """Paints."""

    command = grouped(paint)
    assert (command.__name__, command.__doc__) == ("paint", "Paints.")
    assert list(inspect.signature(command).parameters) == ["red", "names", "file"]
