"""`tfland toyworld` and its contact sheet."""

from pathlib import Path

import cv2
import pytest
import typer

from tfland.cli.toyworld import register
from tfland.toyworld import ToyworldConfig
from tfland.toyworld.contact_sheet import CONTACT_SHEET_FILE, write_contact_sheet
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
    assert run("--out", str(out), *SMALL, "--distractor-share", "0.75") == 0
    assert "0 made now, 18 there before" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--landmarks", "1"], "landmarks is 1"),
        (["--images", "7"], "images is 7: give at least 120"),
        (["--distractor-share", "2"], "distractor_share is a share"),
        (["--size", "tall"], "Invalid value for '--size'"),
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


def test_contact_sheets_show_landmarks_and_distractors(tiny_config: ToyworldConfig, tiny_root: Path) -> None:
    path = write_contact_sheet(tiny_config, tiny_root, landmarks=3, columns=4)
    try:
        picture = cv2.imread(str(path))
        rows = 3 + 2
        assert picture.shape == (rows * (20 + 160 + 6), 4 * 166, 3)
        assert all((picture[row * 186 + 20 : (row + 1) * 186] != 255).any() for row in range(rows))
    finally:
        path.unlink()


def test_a_contact_sheet_of_an_unfinished_world_says_what_is_missing(
    tiny_config: ToyworldConfig, tmp_path: Path
) -> None:
    with pytest.raises(OSError, match=r"cannot be read: run toyworld again"):
        write_contact_sheet(tiny_config, tmp_path)
