"""The README's commands exist, with the options it names."""

import re
import shlex
from pathlib import Path

import pytest
import typer.main

from tfland.cli.main import app

README = (Path(__file__).resolve().parents[2] / "README.md").read_text()


def command_lines() -> list[str]:
    joined = re.sub(r"\\\n\s*", " ", README)
    lines = [line.strip().split("  #")[0] for line in joined.splitlines() if line.startswith("    ")]
    return [line for line in lines if re.match(r"(tfland|tfland-train) ", line)]


def test_the_readme_shows_commands() -> None:
    assert len(command_lines()) >= 8


@pytest.mark.parametrize("line", command_lines())
def test_command_and_options_exist(line: str) -> None:
    words = shlex.split(line)
    words = ["tfland", "train", *words[1:]] if words[0] == "tfland-train" else words
    # typer may bring a click of its own: a group is what has commands.
    command = typer.main.get_command(app)
    rest = words[1:]
    while hasattr(command, "commands"):
        assert rest[0] in command.commands, f"{line}: no command {rest[0]}"
        command, rest = command.commands[rest[0]], rest[1:]
    # What follows a lone -- is Apache Beam's.
    rest = rest[: rest.index("--")] if "--" in rest else rest
    known = {option for parameter in command.params for option in parameter.opts}
    for word in rest:
        assert not word.startswith("--") or word in known, f"{line}: no option {word}"


def test_make_targets_exist() -> None:
    makefile = (Path(__file__).resolve().parents[2] / "Makefile").read_text()
    for target in re.findall(r"^    make (\w+)", README, flags=re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE)
