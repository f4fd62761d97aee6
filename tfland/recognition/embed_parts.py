"""What lets a killed `tfland embed` go on: the folder `.parts` in its output folder.

`settings.json` says what the folder is for. Part n holds the photographs n * 512 to n * 512 + 511 of the whole list:
`part-n.npy` their vectors, `part-n.json`, written after it, whose they are and what was refused.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tfrecords_builder.atomic import atomic_write, forget_partials
from tfrecords_builder.build_state import differences
from tfrecords_builder.folder_lock import hold_lock
from tfrecords_builder.json_files import read_object, write_json
from tfrecords_builder.manifest import RefusedImage

PARTS_FOLDER = ".parts"
# A kill loses at most so many photographs; 4.1 million are 8,008 parts.
PART_ROWS = 512
_SETTINGS, _LOCK = "settings.json", "lock"


@dataclass(frozen=True, kw_only=True)
class Part:
    """Some of the photographs in a row.

    Attributes:
        ids: those that have vectors, in order.
        landmark_ids: their landmarks, -1 for none.
        vectors: [n, E] of the file's dtype.
        refused: those that have none.
    """

    ids: list[str]
    landmark_ids: list[int]
    vectors: np.ndarray
    refused: list[RefusedImage]


class Parts:
    """The finished parts of one output folder; made by `open_parts`, which holds the folder's lock."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def claim(self, settings: dict[str, Any]) -> None:
        """Makes the folder that of a run with these settings.

        Raises:
            ValueError: it holds parts of another run.
        """
        path = self._folder / _SETTINGS
        if not path.is_file():
            write_json(path, settings)
        elif (there := read_object(path, "choose another --out")) != settings:
            raise ValueError(
                f"{self._folder.parent} holds unfinished embeddings of another kind ({differences(there, settings)}); "
                "choose another --out or delete it"
            )

    def is_finished(self, number: int) -> bool:
        """Tells whether a part has been written."""
        return self._note(number).is_file() and self._vectors(number).is_file()

    def write(self, number: int, part: Part) -> None:
        """Writes a part; its note comes last."""
        with atomic_write(self._vectors(number), "wb") as file:
            np.save(file, part.vectors, allow_pickle=False)
        refused = [asdict(image) for image in part.refused]
        write_json(self._note(number), {"ids": part.ids, "landmark_ids": part.landmark_ids, "refused": refused})

    def read(self, number: int) -> Part:
        """Reads a part, its vectors memory-mapped.

        Raises:
            ValueError: it is damaged.
        """
        note = self._note(number)
        content = read_object(note)
        try:
            refused = [RefusedImage(**image) for image in content["refused"]]
            vectors = np.load(self._vectors(number), mmap_mode="r", allow_pickle=False)
            ids, landmark_ids = content["ids"], content["landmark_ids"]
            if not len(ids) == len(landmark_ids) == len(vectors):
                raise ValueError(f"{len(ids)} ids and {len(vectors)} vectors")
        except (KeyError, TypeError, ValueError, EOFError) as error:
            raise ValueError(f"{note} is damaged ({error}); delete it and run the same command again") from error
        return Part(ids=ids, landmark_ids=landmark_ids, vectors=vectors, refused=refused)

    def remove(self) -> None:
        """Removes what is no longer needed."""
        shutil.rmtree(self._folder)

    def _note(self, number: int) -> Path:
        return self._folder / f"part-{number:06d}.json"

    def _vectors(self, number: int) -> Path:
        return self._folder / f"part-{number:06d}.npy"


@contextmanager
def open_parts(out: Path, *, shared: bool) -> Iterator[Parts]:
    """Yields the parts of an output folder; makes the folder.

    Args:
        out: the output folder.
        shared: other processes may hold it too, all of them so.

    Raises:
        OSError: others hold the folder, or it cannot be written.
    """
    folder = out / PARTS_FOLDER
    busy = f"another `tfland embed` is running in {out}; wait for it or choose another --out"
    with hold_lock(folder / _LOCK, busy, shared=shared):
        if not shared:
            # Left by runs that were killed while they wrote; the lock says that nobody writes now.
            forget_partials(out)
            forget_partials(folder)
        yield Parts(folder)
