"""Machines that are taken away: they say so with SIGTERM and leave some seconds to save what is done."""

import logging
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

logger = logging.getLogger(__name__)

# What a shell reports of a process that SIGTERM ended: 128 + 15.
EXIT_TERMINATED = 128 + signal.SIGTERM


class Interrupted(RuntimeError):  # noqa: N818 - it reads as what happened
    """SIGTERM ended the run after a checkpoint; the same command goes on from there."""


class Termination:
    """Whether SIGTERM has come.

    Attributes:
        requested: whether it has.
    """

    def __init__(self) -> None:
        self.requested = False

    def _handle(self, _signal: int, _frame: FrameType | None) -> None:
        logger.warning("SIGTERM: a checkpoint is written after the running steps, then the run ends")
        self.requested = True


@contextmanager
def termination() -> Iterator[Termination]:
    """Yields what tells of SIGTERM, which no longer ends the process meanwhile.

    Only the main thread can ask for signals; in another one SIGTERM ends the process as ever.
    """
    state = Termination()
    if threading.current_thread() is not threading.main_thread():
        yield state
        return
    before = signal.signal(signal.SIGTERM, state._handle)
    try:
        yield state
    finally:
        signal.signal(signal.SIGTERM, before)
