"""Writes that either happen whole or not at all, so that a job can be killed at any moment."""

import glob
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any


@contextmanager
def atomic_write(path: Path | str, mode: str = "w", *, newline: str | None = None) -> Iterator[IO[Any]]:
    """Yields a file that replaces `path` when the block ends without an error, and vanishes otherwise.

    The bytes are flushed to disk before the rename: after a power cut the old or the new file is there, never
    a part of one. Text is UTF-8.

    Args:
        path: the file to write. Its folder is created.
        mode: "w" (text) or "wb" (bytes).
        newline: as for `open`; pass "" to a csv writer.

    Raises:
        ValueError: another mode was asked for.
        OSError: the folder cannot be written.
    """
    if mode not in ("w", "wb"):
        raise ValueError(f"atomic_write takes mode 'w' or 'wb', got {mode!r}")
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:100]}.", suffix=".partial")
    try:
        encoding = "utf-8" if mode == "w" else None
        with os.fdopen(descriptor, mode, encoding=encoding, newline=newline) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        # mkstemp makes files that only the owner can read; the result gets what `open` would have given.
        Path(temporary).chmod(0o666 & ~_current_umask())
        Path(temporary).replace(path)
    except BaseException as error:
        Path(temporary).unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno is not None and error.filename is None:
            # A full disk says so without a name: which of several disks is what a person needs to know.
            error.filename = str(path)
        raise


def forget_partials(folder: Path, name: str = "") -> None:
    """Removes what `atomic_write` left in a folder when its process was killed within a write.

    Args:
        folder: the caller holds its lock: nobody writes there now.
        name: of the one file whose leftovers are meant; "" means every file's.
    """
    pattern = f".{glob.escape(name[:100])}.*.partial" if name else ".*.partial"
    for leftover in folder.glob(pattern):
        leftover.unlink()


def _current_umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
