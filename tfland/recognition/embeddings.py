"""Embeddings of photographs; with their landmarks they are an index to search in."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tfland.recognition.embedding_files import (
    ABOUT_FILE,
    EMBEDDINGS_FILE,
    ROWS_FILE,
    blocks_of,
    check_ids,
    check_vectors,
    file_digest,
    map_vectors,
    read_about,
    read_rows,
    vectors_digest,
)
from tfland.recognition.folder_swap import present_folder, replaced_folder
from tfland.recognition.index_rows import FILES, Rows
from tfrecords_builder.terminal import CheckFailed


@dataclass(frozen=True, kw_only=True, eq=False)
class Embeddings:
    """Vectors of photographs, a row each.

    Attributes:
        ids: [N] text, all different.
        landmark_ids: [N] int64, -1 for a photograph without a landmark; None where nothing is known of them.
        vectors: [N, E] float16, float32 or float64; of any length but 0; often memory-mapped.
        fingerprint: of the model and its input; "" where it is not known.
        model: what the fingerprint is made of.
    """

    ids: np.ndarray
    landmark_ids: np.ndarray | None
    vectors: np.ndarray
    fingerprint: str = ""
    model: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.vectors.ndim != 2 or self.vectors.dtype.kind != "f" or not self.vectors.size:
            shape = list(self.vectors.shape)
            raise ValueError(f"vectors are {self.vectors.dtype} {shape}; give float [N, E] of at least one photograph")
        landmarks = self.ids if self.landmark_ids is None else self.landmark_ids
        if not self.ids.shape == landmarks.shape == self.vectors.shape[:1]:
            rows = f"{len(self.ids)} ids, {len(landmarks)} landmark ids and {len(self.vectors)} vectors"
            raise ValueError(f"{rows} do not fit together; there must be one each a photograph")

    def __len__(self) -> int:
        return len(self.ids)

    @classmethod
    def load(cls, folder: Path | str) -> "Embeddings":
        """Opens what `tfland embed` or `save` wrote, its vectors memory-mapped.

        Raises:
            FileNotFoundError: there are no finished embeddings.
            ValueError: the files are damaged or do not belong together.
        """
        folder = present_folder(Path(folder))
        about = read_about(folder)
        if about is None:
            hint = "run `tfland embed` for it, again if it was interrupted"
            raise FileNotFoundError(f"{folder} holds no finished embeddings ({ABOUT_FILE} is missing); {hint}")
        vectors = map_vectors(folder / EMBEDDINGS_FILE)
        if file_digest(folder / ROWS_FILE) != about.rows_sha256:
            raise ValueError(f"{folder / ROWS_FILE} is not what {ABOUT_FILE} describes; make the embeddings again")
        if vectors.shape != (about.rows, about.dimensions) or vectors.dtype != about.dtype:
            what = f"{vectors.dtype} {list(vectors.shape)}"
            raise ValueError(f"{folder / EMBEDDINGS_FILE} holds {what}, not what {ABOUT_FILE} says; make it again")
        ids, landmark_ids = read_rows(folder / ROWS_FILE)
        return cls(
            ids=ids,
            landmark_ids=landmark_ids,
            vectors=vectors,
            fingerprint=about.fingerprint,
            model=about.model,
        )

    @classmethod
    def load_arrays(cls, npy: Path | str, csv: Path | str) -> "Embeddings":
        """Opens embeddings that any program made; every vector is looked at once.

        Args:
            npy: float16, float32 or float64 [N, E].
            csv: which photograph each row is: `id` or `id,landmark_id`.

        Raises:
            OSError: a file cannot be read.
            ValueError: a file is of another form, their numbers of rows differ, an id occurs twice, or a vector is
                not finite or is zero; the message names the row.
        """
        vectors, (ids, landmark_ids) = map_vectors(Path(npy)), read_rows(Path(csv))
        if len(ids) != len(vectors):
            raise ValueError(f"{npy} holds {len(vectors)} vectors and {csv} {len(ids)} rows; there must be one each")
        embeddings = cls(ids=ids, landmark_ids=landmark_ids, vectors=vectors)
        embeddings.check(str(npy))
        return embeddings

    def check(self, name: str = "embeddings") -> None:
        """Looks at every vector.

        Args:
            name: of their file, for the message.

        Raises:
            ValueError: one is not finite or is zero, or an id is bad or occurs twice.
        """
        check_ids(self.ids, name)
        start = 0
        for block in blocks_of(self.vectors):
            check_vectors(block, self.ids[start : start + len(block)], start, f"of {name}")
            start += len(block)

    def save(self, folder: Path | str) -> None:
        """Writes a folder, which takes the place of what was there; float64 becomes float32."""
        Rows.all_of(self).save(folder)

    def restrict(self, landmarks: Collection[int]) -> "Embeddings":
        """The photographs of some landmarks, copied into memory.

        Raises:
            ValueError: there are none, or the landmarks of the photographs are not known.
        """
        return Rows.all_of(self).restrict(landmarks).gather()

    def delete(self, ids: Collection[str]) -> "Embeddings":
        """All but some photographs, copied into memory.

        Raises:
            ValueError: one is not there, or none would be left.
        """
        return Rows.all_of(self).delete(ids).gather()

    def append(self, other: "Embeddings") -> "Embeddings":
        """These photographs and behind them new ones, copied into memory.

        Raises:
            ValueError: they are of another model, or one is there already.
        """
        return Rows.all_of(self).append(other).gather()

    def merge(self, other: "Embeddings") -> "Embeddings":
        """These photographs and behind them those of another index that are not here, copied into memory.

        Raises:
            ValueError: they are of another model, or a photograph has another landmark or vector there.
        """
        return Rows.all_of(self).merge(other).gather()


def check_files(folder: Path | str) -> Embeddings:
    """Opens a folder and reads all of it.

    Raises:
        FileNotFoundError: there are no finished embeddings.
        ValueError: the files do not belong together.
        CheckFailed: the vectors are not those that were written.
    """
    folder = Path(folder)
    embeddings, about = Embeddings.load(folder), read_about(present_folder(folder))
    if about is None or vectors_digest(embeddings.vectors) != about.embeddings_sha256:
        raise CheckFailed(f"{folder / EMBEDDINGS_FILE} is damaged: its sha256 is not that of {ABOUT_FILE}")
    return embeddings


def change_index(folder: Path, out: Path | None, change: Callable[[Rows], Rows]) -> tuple[int, int]:
    """Changes an index on disk, as a whole or not at all, a block of vectors in memory.

    Args:
        folder: the index.
        out: a new folder for the changed index; None changes it in place.
        change: from the rows that are there to those that shall be.

    Returns:
        The numbers of rows before and after.

    Raises:
        FileNotFoundError: there is no index.
        ValueError: `out` is there already, or the change is refused.
        OSError: another command is writing the index, or it cannot be written.
    """
    if out is not None and out.exists():
        raise ValueError(
            f"{out} is there already; give --out a new folder, or leave it away to change the index itself"
        )
    if not present_folder(folder).is_dir():
        raise FileNotFoundError(f"no index at {folder}")
    # Read after the lock is taken: what is replaced is what was read.
    with replaced_folder(out or folder, FILES) as new:
        before = Rows.all_of(Embeddings.load(folder))
        after = change(before)
        after.write(new)
    return len(before.ids), len(after.ids)
