"""One writer a folder: a lock that the kernel drops when its process ends, however it ends."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def hold_lock(path: Path, busy: str, *, shared: bool = False) -> Iterator[None]:
    """Holds the lock of a folder while the block runs.

    Args:
        path: the lock's file, within the folder; made with the folder, and left there, since removing it would let
            two processes hold two files of one name.
        busy: what to tell a person where another process holds it.
        shared: others may hold it too, all of them so.

    Raises:
        OSError: another process holds it (the message is `busy`), or the file cannot be made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        try:
            fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise OSError(busy) from error
        yield
