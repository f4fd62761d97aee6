"""`--help` and `tfland score` start quickly: they never import TensorFlow or Keras."""

import subprocess
import sys
from pathlib import Path

import pytest
import typer.main

from tfland.cli.main import app

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = list(typer.main.get_command(app).commands)
HEAVY = {"tensorflow", "keras", "keras_hub", "torch", "jax", "matplotlib", "cv2", "pandas", "numpy"}

# Runs the command line in this process and then says which heavy packages were imported.
PROBE = f"""
import sys
from tfland.cli.main import app
from tfrecords_builder.terminal import run_app
code = run_app(app, sys.argv[1:])
heavy = sorted(set(sys.modules) & {HEAVY!r})
sys.stderr.write("exit %s heavy %s" % (code, heavy))
"""


def probe(*arguments: str) -> str:
    command = [sys.executable, "-c", PROBE, *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False).stderr


def test_every_help_imports_nothing_heavy() -> None:
    assert probe("--help").endswith("exit 0 heavy []")


@pytest.mark.parametrize("command", COMMANDS)
def test_each_commands_help_imports_nothing_heavy(command: str) -> None:
    assert probe(command, "--help").endswith("exit 0 heavy []")


def test_score_does_without_tensorflow(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("id,landmarks\naa,1 0.5\nbb,\n")
    (tmp_path / "s.csv").write_text("id,landmarks,Usage\naa,1,Public\nbb,,Public\n")
    said = probe("score", "--predictions", str(tmp_path / "p.csv"), "--solution", str(tmp_path / "s.csv"))
    assert "exit 0" in said
    assert "tensorflow" not in said
    assert "keras" not in said


def test_underscores_and_dashes_are_the_same(tmp_path: Path) -> None:
    assert "is not a command" not in probe("toyworld", "--distractor_share", "0.5", "--help")
    assert probe("toyworld", "--distractor_share", "0.5", "--help").endswith("exit 0 heavy []")


def test_a_wrong_option_ends_with_2() -> None:
    assert "exit 2" in probe("score", "--predictoins", "x")
