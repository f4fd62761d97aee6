"""What a run of `tfland rerank` has finished, on disk until the predictions are written."""

import logging
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from tfland.recognition.voting import Candidates
from tfrecords_builder.atomic import atomic_write
from tfrecords_builder.json_files import read_object, write_json

logger = logging.getLogger(__name__)

_SETTINGS_FILE = "settings.json"


class Work:
    """A folder of finished arrays (`spaces.Arrays`) that belongs to one set of inputs and settings.

    Args:
        folder: made, or gone on with where it belongs to the same.
        identity: what the arrays depend on, as JSON holds it.
    """

    def __init__(self, folder: Path, identity: Mapping[str, Any]) -> None:
        self._folder = folder
        self._created: dict[str, NDArray[np.float32]] = {}
        settings = folder / _SETTINGS_FILE
        if folder.exists():
            if settings.exists() and read_object(settings) == identity:
                logger.info("going on with what %s holds", folder)
                return
            logger.info("%s is of other embeddings or settings: it begins anew", folder)
            shutil.rmtree(folder)
        write_json(settings, identity)

    def remove(self) -> None:
        """Deletes the folder."""
        shutil.rmtree(self._folder)

    def finished(self, name: str) -> NDArray[np.float32] | None:
        """Returns an array that an earlier run finished, memory-mapped, or None."""
        path = self._folder / f"{name}.npy"
        return np.load(path, mmap_mode="r", allow_pickle=False) if path.exists() else None

    def create(self, name: str, rows: int, size: int) -> NDArray[np.float32]:
        """Returns [rows, size] on disk to be filled; in memory where it is empty, which cannot be mapped."""
        empty = not rows * size
        path = self._folder / f"{name}.partial"
        shape = (rows, size)
        self._created[name] = np.empty(shape, np.float32) if empty else open_memmap(path, "w+", np.float32, shape)
        return self._created[name]

    def finish(self, name: str) -> NDArray[np.float32]:
        """Returns what was created, memory-mapped for reading."""
        array = self._created.pop(name)
        if not isinstance(array, np.memmap):
            return array
        array.flush()
        partial, path = self._folder / f"{name}.partial", self._folder / f"{name}.npy"
        # The bytes first, then the name: after a power cut a finished array is whole.
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        partial.replace(path)
        return np.load(path, mmap_mode="r", allow_pickle=False)

    def keep(self, name: str, array: NDArray[np.float32]) -> NDArray[np.float32]:
        """Writes a whole array and returns it."""
        with atomic_write(self._folder / f"{name}.npy", "wb") as file:
            np.save(file, array)
        return array

    def candidates(self, start: int) -> Candidates | None:
        """Returns what an earlier run found for the part of the queries that begins at `start`, or None."""
        path = self._folder / f"candidates-{start}.npz"
        if not path.exists():
            return None
        with np.load(path, allow_pickle=False) as arrays:
            return Candidates(**arrays)

    def keep_candidates(self, start: int, found: Candidates) -> Candidates:
        """Writes what was found for a part of the queries, and returns it."""
        with atomic_write(self._folder / f"candidates-{start}.npz", "wb") as file:
            np.savez(file, **asdict(found))
        return found
