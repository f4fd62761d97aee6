import multiprocessing
import os
import signal
import time
from functools import partial

import pytest

from delf_verify.parallel import ordered_map


def square(number: int) -> int:
    # Later items finish first: the order must not come from the clock.
    time.sleep(0.02 if number == 0 else 0)
    return number * number


def make_square():
    return square


def die(_: int) -> None:
    os._exit(9)


def make_die():
    return die


@pytest.mark.slow
def test_results_come_in_the_order_of_the_items() -> None:
    for workers in (1, 2):
        with ordered_map(make_square, range(20), workers=workers) as results:
            assert list(results) == [number * number for number in range(20)]


@pytest.mark.slow
def test_a_dead_worker_is_said() -> None:
    with pytest.raises(RuntimeError, match="a worker process died"), ordered_map(make_die, [1], workers=2) as results:
        list(results)


def test_one_worker_works_here() -> None:
    seen: list[int] = []
    with ordered_map(partial(lambda: seen.append), [1, 2], workers=1) as results:
        list(results)
    assert seen == [1, 2]


def test_no_workers() -> None:
    with pytest.raises(ValueError, match="workers=0: give at least 1"), ordered_map(make_square, [], workers=0):
        pass


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_items_are_not_read_far_ahead(workers: int) -> None:
    """Or a long list of comparisons would lie in memory, and its results too."""
    read: list[int] = []

    def items():
        for number in range(100):
            read.append(number)
            yield number

    with ordered_map(make_square, items(), workers=workers) as results:
        for done, _ in enumerate(results, start=1):
            assert len(read) <= done + 2 * workers
            if done == 20:
                break
    assert len(read) <= 20 + 2 * workers


def fail_at_two(number: int) -> int:
    if number == 2:
        raise KeyError("number two")
    return number


def make_fail():
    return fail_at_two


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_of_the_work_comes_out_at_its_place(workers: int) -> None:
    done = []
    with pytest.raises(KeyError, match="number two"), ordered_map(make_fail, range(9), workers=workers) as results:
        for one in results:
            done.append(one)
    assert done == [0, 1]
    assert not multiprocessing.active_children()


def sleep(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


def make_sleep():
    return sleep


@pytest.mark.slow
def test_ctrl_c_ends_the_workers_and_leaves_what_waits() -> None:
    """Ctrl-C reaches the whole process group: the parent decides, and what has not begun never does."""
    started = time.perf_counter()
    with pytest.raises(KeyboardInterrupt), ordered_map(make_sleep, [0.0, *[2.0] * 50], workers=2) as results:
        for _ in range(2):
            for worker in multiprocessing.active_children():  # one that works, and one that may be starting
                os.kill(worker.pid, signal.SIGINT)
            next(results)
        raise KeyboardInterrupt
    assert not multiprocessing.active_children()
    assert time.perf_counter() - started < 60
