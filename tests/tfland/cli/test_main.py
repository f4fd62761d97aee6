"""The umbrella `tfland` and `tfland-train`: which commands there are, exit codes, --debug."""

import re
import sys
from pathlib import Path

import pytest

from tfland.cli import main

ROOT = Path(__file__).parents[3]
COMMANDS = [
    "demo",
    "toyworld",
    "build",
    "train",
    "embed",
    "index",
    "calibrate",
    "predict",
    "rerank",
    "verify",
    "tune",
    "match",
    "features",
    "score",
    "report",
    "doctor",
]


def ended(monkeypatch: pytest.MonkeyPatch, entry: object, *arguments: str) -> int:
    """Runs an entry point of the console scripts and returns the process's exit code."""
    monkeypatch.setattr(sys, "argv", ["program", *arguments])
    with pytest.raises(SystemExit) as end:
        entry()  # type: ignore[operator]
    return int(end.value.code or 0)


def test_help_lists_the_commands_in_the_order_of_use(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended(monkeypatch, main.main, "--help") == 0
    said = capsys.readouterr().out
    listed = [word for word in re.findall(r"^\W*([a-z]+) {2,}\S", said, re.MULTILINE) if word in COMMANDS]
    assert listed == COMMANDS
    assert "Exit codes: 0 done" in " ".join(said.split())


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    assert ended(monkeypatch, main.main, command, "--help") == 0
    assert f" {command} " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["trian"], "No such command 'trian'"),
        (["--colour"], "No such option"),
        (["train"], "Missing option '--config'"),
        (["score", "--predictions"], "requires an argument"),
    ],
)
def test_mistyped_commands_end_with_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert ended(monkeypatch, main.main, *arguments) == 2
    said = capsys.readouterr().err
    assert message in " ".join(said.split())
    assert "Traceback" not in said


def test_tfland_train_is_tfland_train(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same exit code and the same words for a missing file, a mistake in it, and --help."""
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("training: {epoch: 3}\n")
    absent = str(tmp_path / "absent.yaml")
    for arguments, code in ((["--config", absent], 1), (["--config", str(wrong)], 2), (["--help"], 0)):
        assert ended(monkeypatch, main.train_main, *arguments) == code
        short = capsys.readouterr()
        assert ended(monkeypatch, main.main, "train", *arguments) == code
        assert capsys.readouterr() == short
        assert short.out + short.err
        if code == 1:
            assert f"no configuration at {absent}" in short.err


def test_debug_lets_the_traceback_through(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    absent = str(tmp_path / "absent.yaml")
    for entry, arguments in (
        (main.main, ["--debug", "train", "--config", absent]),
        (main.main, ["train", "--config", absent, "--debug"]),
        (main.train_main, ["--config", absent, "--debug"]),
    ):
        monkeypatch.setattr(sys, "argv", ["program", *arguments])
        with pytest.raises(OSError, match="no configuration at"):
            entry()
