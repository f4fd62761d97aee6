"""One writer a folder."""

import multiprocessing
import os
import signal
import time
from pathlib import Path

import pytest

from tfrecords_builder.folder_lock import hold_lock


def hold(path: Path, held: "multiprocessing.synchronize.Event") -> None:
    with hold_lock(path, "busy"):
        held.set()
        time.sleep(60)


def test_a_second_one_is_told_what_it_was_given(tmp_path: Path) -> None:
    path = tmp_path / "state" / "lock"
    with hold_lock(path, "never"), pytest.raises(OSError, match="somebody else"), hold_lock(path, "somebody else"):
        pytest.fail("two held it")


def test_after_the_block_it_is_free(tmp_path: Path) -> None:
    for _ in range(2):
        with hold_lock(tmp_path / "lock", "busy"):
            pass


def test_an_error_within_frees_it(tmp_path: Path) -> None:
    with pytest.raises(KeyError), hold_lock(tmp_path / "lock", "busy"):
        raise KeyError
    with hold_lock(tmp_path / "lock", "busy"):
        pass


def test_shared_ones_go_together_and_keep_others_out(tmp_path: Path) -> None:
    with hold_lock(tmp_path / "lock", "busy", shared=True):
        with hold_lock(tmp_path / "lock", "busy", shared=True):
            pass
        with pytest.raises(OSError, match="busy"), hold_lock(tmp_path / "lock", "busy"):
            pytest.fail("held beside a shared one")


def test_a_killed_process_holds_nothing(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    held = context.Event()
    process = context.Process(target=hold, args=(tmp_path / "lock", held))
    process.start()
    assert held.wait(30) and process.pid is not None
    with pytest.raises(OSError, match="busy"), hold_lock(tmp_path / "lock", "busy"):
        pytest.fail("held while another process had it")
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    with hold_lock(tmp_path / "lock", "busy"):
        pass
