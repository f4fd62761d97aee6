"""The folder of downloaded photographs: where each lies, what may be put there, and how."""

import hashlib
import itertools
import os
import shutil
import threading
from dataclasses import dataclass
from pathlib import Path

from tfrecords_builder.download_failures import DownloadFailed, Failure
from tfrecords_builder.ids import validate_id
from tfrecords_builder.image_header import read_header
from tfrecords_builder.image_limits import ImageLimits, ImageRefused, Refusal

# Beside the photographs: the ledger, and files that are being written.
STATE_FOLDER = ".download"
_STAGING = "new"
# The build has limits of its own for the photograph's size; here only what no limit would let through is refused.
_ANY_SIZE = ImageLimits(min_side=1, max_pixels=178_000_000)
_FAILURES = {
    Refusal.TOO_LARGE: Failure.TOO_LARGE,
    Refusal.UNSUPPORTED: Failure.UNSUPPORTED,
    Refusal.TRUNCATED: Failure.TRUNCATED,
}
# Reading a header changes the process's warning filters for a moment, which two threads must not do at once.
_HEADER_LOCK = threading.Lock()
# Archives that are extracted side by side may hold photographs of one name.
_NUMBERS = itertools.count()


@dataclass(frozen=True, kw_only=True)
class StoredFile:
    """A photograph on disk.

    Attributes:
        size_bytes: of the file.
        sha256: of the file, hexadecimal.
    """

    size_bytes: int
    sha256: str


def photograph_path(root: Path, image_id: str) -> Path:
    """Returns a/b/c/abc….jpg below `root`.

    Raises:
        ValueError: the id cannot be a file name.
    """
    validate_id(image_id)
    return root.joinpath(*image_id[:3], f"{image_id}.jpg")


def store_photograph(root: Path, image_id: str, data: bytes | bytearray) -> StoredFile:
    """Writes a photograph to its place, whole or not at all.

    Raises:
        DownloadFailed: the bytes are no photograph that a build could use.
        OSError: it cannot be written.
    """
    stored = check_photograph(data)
    path = photograph_path(root, image_id)
    try:
        _write_whole(root / STATE_FOLDER / _STAGING, path, data)
    except OSError as error:
        # A full disk does not say whose write failed.
        raise OSError(error.errno, error.strerror or str(error), str(path)) from error
    return stored


def _write_whole(staging: Path, path: Path, data: bytes | bytearray) -> None:
    """As `atomic_write`, in a third of its time; the ledger's lock and the number keep names apart.

    A folder of its own: what a kill leaves there is found without a search through millions of files.
    """
    staged = staging / f"{next(_NUMBERS)}.partial"
    try:
        _write(staged, data)
    except FileNotFoundError:
        staging.mkdir(parents=True, exist_ok=True)
        _write(staged, data)
    try:
        staged.replace(path)
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        staged.replace(path)


def _write(path: Path, data: bytes | bytearray) -> None:
    with path.open("wb", buffering=0) as file:
        try:
            written = 0
            while written < len(data):
                written += file.write(memoryview(data)[written:])
            os.fsync(file.fileno())
        except BaseException:
            path.unlink(missing_ok=True)
            raise


def clear_staging(root: Path) -> None:
    """Removes what a run that was killed had begun to write; the ledger's lock says that nobody writes now."""
    shutil.rmtree(root / STATE_FOLDER / _STAGING, ignore_errors=True)


def find_photograph(root: Path, image_id: str, max_bytes: int) -> StoredFile | None:
    """Returns the photograph that an earlier run stored, or None if there is none that is whole."""
    path = photograph_path(root, image_id)
    if not path.is_file() or path.stat().st_size > max_bytes:
        return None
    try:
        return check_photograph(path.read_bytes())
    except DownloadFailed:
        return None


def check_photograph(data: bytes | bytearray) -> StoredFile:
    """Returns size and sha256 of a photograph's bytes.

    Raises:
        DownloadFailed: they are no photograph that a build could use, from the header and, for a JPEG, its end.
    """
    data = bytes(data)
    if not data:
        raise DownloadFailed(Failure.EMPTY, "0 bytes")
    try:
        with _HEADER_LOCK:
            read_header(data, _ANY_SIZE)
    except ImageRefused as refused:
        raise DownloadFailed(_FAILURES.get(refused.reason, Failure.NOT_AN_IMAGE), refused.detail) from refused
    return StoredFile(size_bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
