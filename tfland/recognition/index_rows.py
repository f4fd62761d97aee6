"""What is done to an index: append, merge, delete, restrict.

Changes need no training and read no photograph. On disk they are made some rows at a time, and the changed folder takes
the place of the old one as a whole.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tfland.recognition.embedding_files import (
    ABOUT_FILE,
    BLOCK_ROWS,
    DTYPES,
    EMBEDDINGS_FILE,
    ROWS_FILE,
    blocks_of,
    write_embeddings,
)
from tfland.recognition.folder_swap import replaced_folder
from tfrecords_builder import schema

if TYPE_CHECKING:
    from tfland.recognition.embeddings import Embeddings

# What a folder of embeddings may hold.
FILES = (EMBEDDINGS_FILE, ROWS_FILE, ABOUT_FILE, schema.REFUSED_FILE)


@dataclass(frozen=True, kw_only=True, eq=False)
class Rows:
    """Rows of one or several embeddings, chosen and put in order, but not copied yet.

    Attributes:
        parts: embeddings of one model, and which of their rows: [n] int64.
    """

    parts: tuple[tuple["Embeddings", np.ndarray], ...]

    @classmethod
    def all_of(cls, embeddings: "Embeddings") -> "Rows":
        """Every row."""
        return cls(parts=((embeddings, np.arange(len(embeddings))),))

    @property
    def ids(self) -> np.ndarray:
        """[N] text."""
        return np.concatenate([part.ids[rows] for part, rows in self.parts])

    @property
    def landmark_ids(self) -> np.ndarray | None:
        """[N] int64, or None."""
        marks = [part.landmark_ids[rows] for part, rows in self.parts if part.landmark_ids is not None]
        return np.concatenate(marks) if marks else None

    def ids_of(self, landmark_id: int) -> list[str]:
        """The photographs of a landmark.

        Raises:
            ValueError: it has none.
        """
        marks = self.landmark_ids
        if marks is None or not (marks == landmark_id).any():
            raise ValueError(f"landmark {landmark_id} has no photograph in the index; nothing was changed")
        return self.ids[marks == landmark_id].tolist()

    @property
    def dtype(self) -> str:
        """Of the first part; float64 becomes float32."""
        name = self.parts[0][0].vectors.dtype.name
        return name if name in DTYPES else "float32"

    def restrict(self, landmarks: Collection[int]) -> "Rows":
        """See `Embeddings.restrict`."""
        marks = self.landmark_ids
        if marks is None:
            raise ValueError(f"the landmarks of these {len(self.ids)} photographs are not known; embed them with a CSV")
        kept = np.isin(marks, np.fromiter(landmarks, np.int64))
        if not kept.any():
            raise ValueError(f"none of {len(marks)} photographs shows one of these {len(landmarks)} landmarks")
        return self._keep(kept)

    def delete(self, ids: Collection[str]) -> "Rows":
        """See `Embeddings.delete`."""
        gone, there = pd.Index(np.array(list(ids), dtype=object)), pd.Index(self.ids)
        if not (known := gone.isin(there)).all():
            raise ValueError(
                f"id {gone[~known][0]!r} is not among the {len(there)} photographs ({(~known).sum()} such ids); "
                "nothing was deleted"
            )
        kept = ~there.isin(gone)
        if not kept.any():
            raise ValueError(f"that deletes all {len(there)} photographs; remove the folder instead")
        return self._keep(kept)

    def append(self, new: "Embeddings") -> "Rows":
        """See `Embeddings.append`."""
        self._check_fits(new)
        known = pd.Index(new.ids).isin(self.ids)
        if known.any():
            raise ValueError(
                f"id {str(new.ids[known.argmax()])!r} is there already ({known.sum()} such ids); delete them first, or "
                "leave them out"
            )
        return replace(self, parts=(*self.parts, (new, np.arange(len(new)))))

    def merge(self, other: "Embeddings") -> "Rows":
        """See `Embeddings.merge`."""
        self._check_fits(other)
        places = pd.Index(self.ids).get_indexer(pd.Index(other.ids))
        (shared,) = np.nonzero(places >= 0)
        mine, marks = places[shared], self.landmark_ids
        if marks is not None and other.landmark_ids is not None:
            _refuse_different(marks[mine] != other.landmark_ids[shared], other.ids[shared], "another landmark")
        for start in range(0, len(shared), BLOCK_ROWS):
            some = slice(start, start + BLOCK_ROWS)
            theirs = other.vectors[shared[some]].astype(self.dtype)
            differ = (self._vectors_at(mine[some]) != theirs).any(axis=1)
            _refuse_different(differ, other.ids[shared[some]], "another vector")
        return replace(self, parts=(*self.parts, (other, np.flatnonzero(places < 0))))

    def gather(self) -> "Embeddings":
        """Copies the rows into memory."""
        first = self.parts[0][0]
        vectors = np.concatenate([part.vectors[rows].astype(self.dtype) for part, rows in self.parts])
        marks = self.landmark_ids
        return replace(first, ids=self.ids, landmark_ids=marks, vectors=vectors)

    def save(self, folder: Path | str) -> None:
        """Writes the rows as a folder, some at a time; it takes the place of what was there.

        Raises:
            ValueError: a vector is not finite or is zero, or the folder holds something else than embeddings.
            OSError: somebody else is writing the folder, or it cannot be written.
        """
        with replaced_folder(Path(folder), FILES) as new:
            self.write(new)

    def write(self, folder: Path) -> None:
        """Writes the rows into an empty folder, some at a time."""
        first, ids = self.parts[0][0], self.ids
        write_embeddings(
            folder,
            ids,
            self.landmark_ids,
            (block for part, rows in self.parts for block in blocks_of(part.vectors, rows)),
            dimensions=first.vectors.shape[1],
            dtype=self.dtype,
            fingerprint=first.fingerprint,
            model=first.model,
        )

    def _keep(self, kept: np.ndarray) -> "Rows":
        """Those rows of which [N] bool says so."""
        ends = np.cumsum([len(rows) for _, rows in self.parts])[:-1]
        chosen = zip(self.parts, np.split(kept, ends), strict=True)
        return replace(self, parts=tuple((part, rows[some]) for (part, rows), some in chosen))

    def _vectors_at(self, places: np.ndarray) -> np.ndarray:
        """Vectors of [n] rows of all parts."""
        first, rows = self.parts[0]
        if len(self.parts) == 1:
            return np.asarray(first.vectors[rows[places]], dtype=self.dtype)
        found = np.empty((len(places), first.vectors.shape[1]), self.dtype)
        for (part, rows), start in zip(self.parts, self._starts(), strict=True):
            here = (places >= start) & (places < start + len(rows))
            found[here] = part.vectors[rows[places[here] - start]]
        return found

    def _starts(self) -> Iterator[int]:
        start = 0
        for _, rows in self.parts:
            yield start
            start += len(rows)

    def _check_fits(self, other: "Embeddings") -> None:
        first = self.parts[0][0]
        require_same_model(first, other)
        if (first.landmark_ids is None) != (other.landmark_ids is None):
            raise ValueError("one of the two has landmark ids and the other has none; embed both with landmarks")


def require_same_model(index: "Embeddings", other: "Embeddings") -> None:
    """Refuses embeddings that cannot be compared with those of an index.

    Raises:
        ValueError: they are of another model, of another size or view of the photographs, or of another length.
    """
    if index.fingerprint != other.fingerprint:
        keys = sorted(index.model.keys() | other.model.keys())
        different = [key for key in keys if index.model.get(key) != other.model.get(key)]
        what = "; ".join(f"{key} {index.model.get(key)!r} and {other.model.get(key)!r}" for key in different)
        raise ValueError(f"the index is of another model ({what or 'fingerprints differ'}); embed with the index's own")
    if index.vectors.shape[1] != other.vectors.shape[1]:
        sizes = f"{index.vectors.shape[1]} numbers in the index and {other.vectors.shape[1]} in the others"
        raise ValueError(f"vectors have {sizes}; they are of different models")


def _refuse_different(differ: np.ndarray, ids: np.ndarray, what: str) -> None:
    if differ.any():
        raise ValueError(
            f"id {str(ids[differ.argmax()])!r} has {what} in the other index ({differ.sum()} such ids); delete it "
            "from one of them"
        )
