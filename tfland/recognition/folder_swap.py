"""A folder that another one replaces as a whole: readers see the old or the new one, whenever a writer is killed."""

import fcntl
import os
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replaced_folder(path: Path, files: Collection[str]) -> Iterator[Path]:
    """Yields an empty folder that takes the place of `path` when the block ends without an error.

    Nobody else can replace `path` meanwhile, so that what the block reads of the old one is what it replaces.

    Args:
        path: a folder, or where one will be.
        files: what it may hold; a folder with anything else is not ours to remove.

    Raises:
        ValueError: it holds something else.
        OSError: somebody else is replacing it, or its parent cannot be written.
    """
    path = Path(path).absolute()
    new, old = path.with_name(f".{path.name}.new"), _old(path)
    with _locked(new, path):
        if old.is_dir():
            # A writer was killed between its two renames, or after them.
            old.rename(path) if not path.exists() else shutil.rmtree(old)
        try:
            _check_ours(path, files)
            yield new
        except BaseException:
            shutil.rmtree(new)
            raise
        if path.exists():
            path.rename(old)
        new.rename(path)
        _sync(path.parent)
        if old.is_dir():
            shutil.rmtree(old)


def present_folder(path: Path) -> Path:
    """Where the content of `path` is now: beside it, where a writer was killed between its two renames."""
    path = Path(path)
    old = _old(path.absolute())
    return old if not path.exists() and old.is_dir() else path


def _old(path: Path) -> Path:
    return path.with_name(f".{path.name}.old")


@contextmanager
def _locked(new: Path, path: Path) -> Iterator[None]:
    """Makes the new folder, empty, and holds its lock."""
    new.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(new, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            # The kernel drops the lock when the process ends, however it ends.
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            is_the_same = os.path.samestat(new.stat(), os.fstat(descriptor))
        except (BlockingIOError, FileNotFoundError):
            is_the_same = False
        if not is_the_same:
            raise OSError(f"another command is writing {path}; run this one again when it has ended")
        for leftover in new.iterdir():
            leftover.unlink()
        yield
    finally:
        os.close(descriptor)


def _check_ours(path: Path, files: Collection[str]) -> None:
    if path.exists() and not path.is_dir():
        raise ValueError(f"{path} is a file; give the name of a folder")
    foreign = sorted(file.name for file in path.glob("*") if file.name not in files) if path.exists() else []
    if foreign:
        raise ValueError(f"{path} holds {foreign[0]!r}, which does not belong to embeddings; give another folder")


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
