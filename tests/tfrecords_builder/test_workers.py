import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tfrecords_builder.terminal import Progress
from tfrecords_builder.workers import run_tasks

ROOT = Path(__file__).resolve().parents[2]
# Workers import the functions they run, and cannot import a test module: these stand in a module of their own.
FUNCTIONS = """
import os, time

def square(number, tick):
    tick(1, number % 2)
    return number * number, os.getpid()

def fail(number, tick):
    raise ValueError(f"number {number}")

def die(number, tick):
    os._exit(9)

def wait(folder, tick):
    open(os.path.join(folder, str(os.getpid())), "w").close()
    time.sleep(60)
"""


@pytest.fixture
def functions(tmp_path, monkeypatch):
    (tmp_path / "functions_for_workers.py").write_text(FUNCTIONS)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    import functions_for_workers

    yield functions_for_workers
    del sys.modules["functions_for_workers"]


@pytest.mark.parametrize("workers", [1, 2])
def test_results_and_counts(functions, workers, caplog):
    state = Progress("test", 7)
    with caplog.at_level(logging.INFO):
        results = list(run_tasks(functions.square, range(7), workers=workers, state=state))
    assert sorted(number for number, _ in results) == [0, 1, 4, 9, 16, 25, 36]
    assert (os.getpid() in {process for _, process in results}) == (workers == 1)
    assert (state.done, state.refused) == (7, 3)


def test_tasks_are_taken_as_they_are_needed(functions):
    taken = []
    tasks = (taken.append(number) or number for number in range(1000))
    results = run_tasks(functions.square, tasks, workers=2, state=Progress("test", 1000))
    next(results)
    assert len(taken) < 20
    results.close()


@pytest.mark.parametrize("workers", [1, 2])
def test_errors_come_through(functions, workers):
    with pytest.raises(ValueError, match="number 3"):
        list(run_tasks(functions.fail, [3], workers=workers, state=Progress("test", 1)))


def test_a_worker_that_dies_is_an_error_that_says_what_to_do(functions):
    with pytest.raises(OSError, match=r"a worker process died .* run again with fewer --workers"):
        list(run_tasks(functions.die, [1], workers=2, state=Progress("test", 1)))


def test_no_worker_outlives_a_killed_parent(functions, tmp_path):
    folder = tmp_path / "pids"
    folder.mkdir()
    code = (
        "from tfrecords_builder.terminal import Progress\n"
        "from tfrecords_builder.workers import run_tasks\n"
        "import functions_for_workers\n"
        "if __name__ == '__main__':\n"
        f"    list(run_tasks(functions_for_workers.wait, [{str(folder)!r}] * 2, workers=2, state=Progress('t', 2)))\n"
    )
    (tmp_path / "main.py").write_text(code)
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}:{ROOT}"}
    parent = subprocess.Popen([sys.executable, str(tmp_path / "main.py")], env=environment)
    deadline = time.monotonic() + 60
    while len(pids := [int(path.name) for path in folder.iterdir()]) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(pids) == 2
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    while (alive := [pid for pid in pids if _runs(pid)]) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not alive


def _runs(pid: int) -> bool:
    try:
        # An ended process that nobody waits for is still listed, as a zombie.
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
