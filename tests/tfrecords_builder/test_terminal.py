import logging

import pytest
import typer

from tfrecords_builder import terminal
from tfrecords_builder.terminal import CONTEXT_SETTINGS, CheckFailed, Refused, progress, run, run_app


def failing(error: BaseException):
    def command():
        raise error

    return command


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (ValueError("bad value"), 2, "error: bad value\n"),
        (FileNotFoundError(2, "No such file or directory", "x.csv"), 1, "error: No such file or directory: x.csv\n"),
        (OSError("disk on fire"), 1, "error: disk on fire\n"),
        (CheckFailed("3 problems"), 1, "error: 3 problems\n"),
        (Refused("2 photographs"), 3, "finished, with refusals: 2 photographs\n"),
        (KeyboardInterrupt(), 130, "interrupted: run the same command again to go on\n"),
        (KeyError("x"), 1, "error: KeyError: 'x' (run again with --debug for the traceback)\n"),
    ],
)
def test_errors_become_exit_codes_and_one_message(capsys, error, code, message):
    assert run(failing(error)) == code
    assert capsys.readouterr().err == message


def test_success():
    assert run(lambda: None) == 0


def test_debug_lets_errors_through():
    with pytest.raises(ValueError, match="bad value"):
        run(failing(ValueError("bad value")), debug=True)


@pytest.fixture
def app() -> typer.Typer:
    app = typer.Typer(context_settings=CONTEXT_SETTINGS, no_args_is_help=True)

    @app.command()
    def fail(some_number: int = 1) -> None:
        raise ValueError(f"number {some_number}")

    @app.command()
    def work() -> None:
        typer.echo("done")

    return app


@pytest.mark.parametrize("spelling", ["--some-number", "--some_number"])
def test_options_in_both_spellings(app, capsys, spelling):
    assert run_app(app, ["fail", spelling, "5"]) == 2
    assert "error: number 5" in capsys.readouterr().err


def test_exit_codes_of_an_application(app, capsys):
    assert run_app(app, ["work"]) == 0
    assert run_app(app, ["work", "--nonsense"]) == 2
    assert run_app(app, ["fail", "--some-number", "x"]) == 2
    assert run_app(app, ["nonsense"]) == 2
    assert run_app(app, ["--help"]) == 0
    assert "Traceback" not in capsys.readouterr().err


def test_debug_may_stand_anywhere(app):
    with pytest.raises(ValueError, match="number 1"):
        run_app(app, ["fail", "--debug"])


def test_progress_counts_and_ends_with_a_line(caplog):
    with caplog.at_level(logging.INFO), progress("build", 10) as state:
        state.skip(4)
        state.advance(3, refused=1)
    assert (state.done, state.refused) == (7, 1)
    assert "build: 7/10 images" in caplog.text
    assert "1 refused" in caplog.text


def test_progress_writes_a_line_per_interval(caplog, monkeypatch):
    monkeypatch.setattr(terminal, "_LINE_INTERVAL_S", 0)
    with caplog.at_level(logging.INFO), progress("build", 2) as state:
        state.advance()
        state.advance()
    assert caplog.text.count("build: ") == 3


def test_progress_ends_with_a_line_when_the_work_fails(caplog):
    with caplog.at_level(logging.INFO), pytest.raises(RuntimeError), progress("build", 10) as state:
        state.advance()
        raise RuntimeError
    assert "build: 1/10 images" in caplog.text


def test_a_terminal_gets_a_bar(monkeypatch, capsys):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with progress("build", 2) as state:
        state.advance(2)
    assert "2/2" in capsys.readouterr().err
