"""`tfland toyworld` as a user runs it."""

import json
from pathlib import Path

import pytest
import typer

from tfland.cli.toyworld import register
from tfland.toyworld.contact_sheet import CONTACT_SHEET_FILE
from tfland.toyworld.layout import SETTINGS_FILE
from tfrecords_builder.terminal import CONTEXT_SETTINGS, run_app

SMALL = ["--landmarks", "3", "--images", "12", "--queries", "4", "--size", "40", "--workers", "1"]


def run(*arguments: str) -> int:
    app = typer.Typer(context_settings=CONTEXT_SETTINGS)
    app.callback()(lambda: None)
    register(app)
    return run_app(app, ["toyworld", *arguments])


def test_makes_a_folder_and_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "world"
    assert run("--out", str(out), *SMALL, "--distractor_share", "0.75", "--contact-sheet") == 0
    said = capsys.readouterr().out
    assert "12 train, 4 test, 2 validation photographs (18 made now, 0 there before)" in said
    assert str(out / CONTACT_SHEET_FILE) in said
    assert (out / CONTACT_SHEET_FILE).is_file()
    assert run("--out", str(out), *SMALL, "--distractor-share", "0.75") == 0
    assert "0 made now, 18 there before" in capsys.readouterr().out


def test_every_option_reaches_the_settings(tmp_path: Path) -> None:
    """Values that differ from the defaults, and no contact sheet unless it is asked for."""
    assert run("--out", str(tmp_path / "world"), *SMALL, "--seed", "11", "--distractor-share", "0.25") == 0
    settings = json.loads((tmp_path / "world" / SETTINGS_FILE).read_text())
    del settings["generator_version"]
    assert settings == {
        "landmarks": 3,
        "images": 12,
        "queries": 4,
        "distractor_share": 0.25,
        "size": 40,
        "seed": 11,
    }
    assert not (tmp_path / "world" / CONTACT_SHEET_FILE).exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--landmarks", "1"], "landmarks is 1"),
        (["--images", "7"], "images is 7: give at least 120"),
        (["--distractor-share", "2"], "distractor_share is a share"),
        (["--size", "tall"], "Invalid value for '--size'"),
        (["--workers", "0"], "workers is 0: give at least 1"),
    ],
)
def test_bad_options_end_with_exit_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert run("--out", str(tmp_path / "world"), *arguments) == 2
    assert message in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "world").exists()


def test_other_settings_in_a_folder_end_with_exit_code_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "world"
    assert run("--out", str(out), *SMALL) == 0
    assert run("--out", str(out), *SMALL, "--seed", "8") == 2
    assert "seed 7 (now 8)" in capsys.readouterr().err


def test_a_folder_that_cannot_be_made_ends_with_exit_code_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("in the way")
    assert run("--out", str(tmp_path / "file" / "world"), *SMALL) == 1
    assert "Traceback" not in capsys.readouterr().err
