"""What every command shares: exit codes, errors without tracebacks, logging and progress.

Exit codes: 0 done; 1 a failed check, a missing file or I/O; 2 invalid options, configuration or CSV;
3 finished, but rows or images were refused.
"""

import errno
import logging
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import typer

# Give to `typer.Typer(context_settings=...)`: --num_shards and --num-shards are the same option.
CONTEXT_SETTINGS: dict[str, Any] = {
    "help_option_names": ["-h", "--help"],
    "token_normalize_func": lambda token: token.replace("_", "-"),
}

EXIT_DONE = 0
EXIT_FAILED = 1
EXIT_INVALID = 2
EXIT_REFUSED = 3

_LINE_INTERVAL_S = 10.0
_FULL = (errno.ENOSPC, errno.EDQUOT)

logger = logging.getLogger(__name__)


class CheckFailed(RuntimeError):  # noqa: N818 - it reads as what happened
    """A check ran and did not hold; the command ends with exit code 1."""


class Refused(RuntimeError):  # noqa: N818 - it reads as what happened
    """The work is finished, but rows or images were refused; the command ends with exit code 3.

    The message says how many and names the file that lists them.
    """


def run(command: Callable[[], object], *, debug: bool = False) -> int:
    """Runs a command and returns its exit code; errors become one message on stderr.

    Args:
        command: what to do, without arguments.
        debug: let exceptions through, with their tracebacks.

    Returns:
        The process's exit code (see the module's docstring).
    """
    try:
        command()
    except Refused as error:
        _say(f"finished, with refusals: {error}")
        return EXIT_REFUSED
    except KeyboardInterrupt:
        _say("interrupted: run the same command again to go on")
        return 130
    except Exception as error:
        if debug:
            raise
        _say(f"error: {_describe(error)}")
        return EXIT_INVALID if isinstance(error, ValueError) else EXIT_FAILED
    return EXIT_DONE


def run_app(app: "typer.Typer", arguments: Sequence[str] | None = None) -> int:
    """Runs a typer application on command-line arguments and returns its exit code.

    Args:
        app: the application.
        arguments: without the program's name; None takes those of the process. `--debug`, anywhere in it,
            lets tracebacks through.
    """
    import typer.main

    arguments = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in arguments
    arguments = [argument for argument in arguments if argument != "--debug"]
    set_up_logging()
    command = typer.main.get_command(app)
    # Click's base class of option errors; newer releases of typer carry their own copy of click.
    usage_error: Any = next(base for base in typer.BadParameter.__mro__ if base.__name__ == "ClickException")
    code = EXIT_DONE

    def call() -> None:
        nonlocal code
        try:
            code = command.main(args=arguments, standalone_mode=False) or EXIT_DONE
        except usage_error as error:
            error.show()
            code = EXIT_INVALID
        except typer.Abort as error:
            raise KeyboardInterrupt from error

    failed = run(call, debug=debug)
    return failed or code


def _describe(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror and error.filename:
        again = "; make room and run the same command again" if error.errno in _FULL else ""
        return f"{error.strerror}: {error.filename}{again}"
    if isinstance(error, (ValueError, OSError, CheckFailed)):
        return str(error)
    return f"{type(error).__name__}: {error} (run again with --debug for the traceback)"


def _say(message: str) -> None:
    sys.stderr.write(message.rstrip() + "\n")
    sys.stderr.flush()


def set_up_logging(*, verbose: bool = False) -> None:
    """Sends the log to stderr, one line a message; called by commands only, never by libraries."""
    logging.basicConfig(
        level=logging.DEBUG if verbose else logging.INFO,
        format="%(message)s",
        stream=sys.stderr,
        force=True,
    )
    # Libraries that log their inner life at INFO, and TensorFlow's complaint that there is no GPU: `doctor` tells that.
    for name in ("absl", "matplotlib"):
        logging.getLogger(name).setLevel(logging.WARNING)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


class Progress:
    """Progress of a long job: a bar on a terminal, one line every ten seconds otherwise.

    Both show done/total, the rate, the time that remains and how many items were refused.

    Attributes:
        done: items finished so far.
        refused: items refused so far.
    """

    def __init__(self, description: str, total: int, unit: str = "images") -> None:
        self._description, self._total, self._unit = description, total, unit
        self._started = self._last_line = time.monotonic()
        self._skipped = 0
        self._bar: Any = None  # rich.progress.Progress, which is imported only where there is a terminal
        self.done = 0
        self.refused = 0

    def skip(self, count: int) -> None:
        """Counts work that an earlier run had finished; it does not enter the rate."""
        self._skipped += count
        self.advance(count)

    def advance(self, count: int = 1, *, refused: int = 0) -> None:
        """Counts `count` more finished items, of which `refused` were refused."""
        self.done += count
        self.refused += refused
        if self._bar is not None:
            self._bar.update(self._task, completed=self.done, detail=self._detail())
        elif time.monotonic() - self._last_line >= _LINE_INTERVAL_S:
            self._last_line = time.monotonic()
            logger.info("%s", self.line())

    def line(self) -> str:
        """The state in one line, such as `build: 120/2000 images, 61.0/s, 31 s left, 2 refused`."""
        return f"{self._description}: {self.done}/{self._total} {self._unit}, {self._detail()}"

    def _detail(self) -> str:
        elapsed = max(time.monotonic() - self._started, 1e-9)
        rate = (self.done - self._skipped) / elapsed
        remaining = self._total - self.done
        known = rate > 0 or not remaining
        left = f"{remaining / max(rate, 1e-9):.0f} s left" if known else "time left unknown"
        refused = f", {self.refused} refused" if self.refused else ""
        return f"{rate:.1f}/s, {left}{refused}"

    def _start_bar(self) -> None:
        # Imported here: `rich` costs start-up time that a command without a bar need not pay.
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
        from rich.progress import Progress as Bar

        columns = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()]
        detail = TextColumn("{task.fields[detail]}")
        self._bar = Bar(*columns, detail, console=Console(stderr=True))
        self._task = self._bar.add_task(self._description, total=self._total, detail="")
        self._bar.start()


@contextmanager
def progress(description: str, total: int, unit: str = "images") -> Iterator[Progress]:
    """Yields a `Progress`; its last state is logged at the end, also when the job fails."""
    state = Progress(description, total, unit)
    if sys.stderr.isatty():
        state._start_bar()
    try:
        yield state
    finally:
        if state._bar is not None:
            state._bar.stop()
        logger.info("%s in %.1f s", state.line(), time.monotonic() - state._started)
