"""Runs one function over many items in worker processes; the results do not depend on how many there are."""

import logging
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import connection
from typing import Any, TypeVar

import cv2
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")

# Two items a worker: one in work and one waiting, so that memory stays bounded and nobody idles.
_IN_FLIGHT_PER_WORKER = 2
_work: Callable[[Any], Any] | None = None

logger = logging.getLogger(__name__)


@contextmanager
def ordered_map(
    make_work: Callable[[], Callable[[Item], Outcome]], items: Iterable[Item], *, workers: int
) -> Iterator[Iterator[Outcome]]:
    """Yields an iterator over `work(item)` in the order of the items.

    Args:
        make_work: builds the function once a process (so that it can hold open files and caches); pickled, so a
            class or a `functools.partial` of one.
        items: what to work on; pickled one by one.
        workers: processes; 1 works in this one.

    Raises:
        ValueError: workers is below 1.
        RuntimeError: a worker died, for example for want of memory.
    """
    if workers < 1:
        raise ValueError(f"workers={workers}: give at least 1 process")
    if workers == 1:
        yield map(make_work(), items)
        return
    # "spawn": a fork of a process that has TensorFlow's or OpenCV's threads running can hang.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_start, initargs=(make_work,))
    try:
        yield _results(pool, items, workers * _IN_FLIGHT_PER_WORKER)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _results(pool: ProcessPoolExecutor, items: Iterable[Item], in_flight: int) -> Iterator[Any]:
    waiting: deque[Future[Any]] = deque()
    try:
        for item in items:
            with _interrupts_wait():
                waiting.append(pool.submit(_call, item))
            if len(waiting) >= in_flight:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except BrokenProcessPool as error:
        raise RuntimeError(
            "a worker process died (out of memory?): run the same command again with fewer --workers; "
            "finished work is kept"
        ) from error


@contextmanager
def _interrupts_wait() -> Iterator[None]:
    """Holds Ctrl-C back: a worker that starts here inherits that, and is not torn apart before it can ignore it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start(make_work: Callable[[], Callable[[Any], Any]]) -> None:
    """Prepares a worker: one thread, Ctrl-C left to the parent, and no life after the parent's death."""
    global _work
    # Threads of several workers fight for the same cores: with NumPy's own ones two workers were 20 times slower.
    cv2.setNumThreads(1)
    threadpool_limits(limits=1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_exit_with_parent, daemon=True).start()
    _work = make_work()


def _exit_with_parent() -> None:
    # A parent killed by SIGKILL cannot stop its workers, and they would wait for work forever.
    parent = multiprocessing.parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)


def _call(item: Any) -> Any:
    if _work is None:
        raise RuntimeError("a worker was asked to work before it was prepared: this is a bug in delf_verify")
    return _work(item)
