"""Runs tasks in several processes, with progress and without leftovers."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import connection
from multiprocessing.context import SpawnContext
from typing import Any, TypeVar

from tfrecords_builder.terminal import Progress

Task = TypeVar("Task")
Result = TypeVar("Result")
# Called by a task for every item: how many are done, how many of them were refused.
Tick = Callable[[int, int], None]

_POLL_S = 0.2
_END = object()


class _Tally:
    """What all workers together have done, in shared memory."""

    def __init__(self, context: SpawnContext) -> None:
        self._lock = context.Lock()
        self._counts = context.RawArray("q", 2)
        self._seen = [0, 0]

    def add(self, done: int, refused: int) -> None:
        """Called by workers."""
        with self._lock:
            self._counts[0] += done
            self._counts[1] += refused

    def report(self, state: Progress) -> None:
        """Called by the parent: advances `state` by what has happened since the last call."""
        with self._lock:
            now = list(self._counts)
        state.advance(now[0] - self._seen[0], refused=now[1] - self._seen[1])
        self._seen = now


# Of a worker process; set when it starts.
_worker_tally: _Tally | None = None


def run_tasks(
    function: Callable[[Task, Tick], Result], tasks: Iterable[Task], *, workers: int, state: Progress
) -> Iterator[Result]:
    """Yields the results of `function(task, tick)`, in the order in which they are ready.

    Tasks are taken from the iterable only as workers become free, so that it may be long.

    Args:
        function: of a module, not a closure: workers import it.
        tasks: what to do; each is pickled.
        workers: processes; 1 runs in this one.
        state: is advanced by what the tasks tick.

    Raises:
        OSError: a worker died, as for want of memory.
    """
    if workers == 1:
        for task in tasks:
            yield function(task, lambda done, refused: state.advance(done, refused=refused))
        return
    # Forking a process that has threads (OpenCV's, a test runner's) can deadlock; spawning cannot.
    context = multiprocessing.get_context("spawn")
    tally = _Tally(context)
    executor = ProcessPoolExecutor(workers, mp_context=context, initializer=_start_worker, initargs=(tally,))
    try:
        for result in _collect(executor, function, iter(tasks), 2 * workers):
            tally.report(state)
            if result is not None:
                yield result[0]
    except BrokenProcessPool as error:
        raise OSError(
            "a worker process died (was it out of memory?); run again with fewer --workers: finished work is kept"
        ) from error
    finally:
        executor.shutdown(cancel_futures=True)
        tally.report(state)


def _collect(
    executor: ProcessPoolExecutor, function: Callable[..., Result], tasks: Iterator[Any], ahead: int
) -> Iterator[tuple[Result] | None]:
    """Yields results, each in a tuple, and None whenever the poll interval has passed."""
    running: set[Future[Result]] = set()
    exhausted = False
    while running or not exhausted:
        while not exhausted and len(running) < ahead:
            task = next(tasks, _END)
            exhausted = task is _END
            if not exhausted:
                running.add(executor.submit(_call, function, task))
        ready, running = wait(running, timeout=_POLL_S, return_when=FIRST_COMPLETED)
        yield None
        for future in ready:
            yield (future.result(),)


def _start_worker(tally: _Tally) -> None:
    import cv2

    # One thread each: more would only fight over the cores that the other workers use.
    cv2.setNumThreads(1)
    # Ctrl-C reaches the whole group; the parent alone decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    global _worker_tally
    _worker_tally = tally
    threading.Thread(target=_die_with_parent, daemon=True).start()


def _die_with_parent() -> None:
    """Ends this worker when the parent was killed: it would wait for ever, or write beside the next run."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)


def _call(function: Callable[[Any, Tick], Result], task: Any) -> Result:
    if _worker_tally is None:
        raise RuntimeError("a worker process runs without having been started by run_tasks")
    return function(task, _worker_tally.add)
