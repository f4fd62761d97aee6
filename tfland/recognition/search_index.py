"""What a search looks through: embeddings, from disk or memory, as rows of length 1 in blocks."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfland.recognition.cosine import Floats, Integers, check_vectors, normalised


@dataclass(eq=False)
class SearchIndex:
    """Embeddings to be searched, with what is subtracted from their similarities.

    Attributes:
        vectors: [N, E], any float type and length; a memory-mapped array stays on disk, one of an accelerator there.
        penalties: [N] float32, finite, or None. With them the score is clip(cosine, 0, 1) - penalty.
        approximate: faiss lists of `search_approximate`, where they were built.
        in_memory: keep the rows of length 1, [N, E] float32, so that many searches normalise them once.
    """

    vectors: Floats
    penalties: NDArray[np.float32] | None = None
    in_memory: bool = False
    approximate: Any = field(default=None, repr=False)
    _unit: NDArray[np.float32] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        check_vectors(self.vectors, "the index")
        if self.penalties is not None:
            self.penalties = np.asarray(self.penalties, np.float32)
            if self.penalties.shape != (len(self.vectors),) or not np.isfinite(self.penalties).all():
                raise ValueError(
                    f"penalties must be {len(self)} finite numbers, one for each row of the index, got the shape "
                    f"{list(self.penalties.shape)} or NaN or infinity"
                )
        if self.in_memory:
            self._unit = self.block(0, len(self), "float32")

    def __len__(self) -> int:
        return len(self.vectors)

    @property
    def size(self) -> int:
        """D, the columns of a block: E, and one more with penalties, where queries hold a 1."""
        return self.vectors.shape[1] + (self.penalties is not None)

    @property
    def largest_penalty(self) -> float:
        """The largest in size; 0 where there are none."""
        return 0.0 if self.penalties is None or not len(self) else float(np.abs(self.penalties).max())

    def queries(self, vectors: Floats, first: int) -> NDArray[np.float32]:
        """Returns rows of length 1, [Q, D], whose products with a block are cosine - penalty.

        Raises:
            ValueError: a row holds NaN, infinity or zeros alone; its number counts from `first`.
        """
        extra = self.size - self.vectors.shape[1]
        rows = normalised(vectors, "queries", first, columns=extra)
        rows[:, self.vectors.shape[1] :] = 1
        return rows

    def blocks(self, rows: int) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Yields the number of the first row and [rows or fewer, D] float32.

        Raises:
            ValueError: a row holds NaN, infinity or zeros alone.
        """
        for start in range(0, len(self), rows):
            yield start, self.block(start, min(start + rows, len(self)), "float32")

    def block(self, start: int, stop: int, dtype: str) -> Any:
        """Returns rows of length 1 and their penalties below 0, [stop - start, D] of `dtype`.

        NumPy has no bfloat16: such a block comes as float32.

        Raises:
            ValueError: a row holds NaN, infinity or zeros alone.
        """
        dtype = "float32" if dtype == "bfloat16" else dtype
        if self._unit is not None:
            return self._unit[start:stop].astype(dtype, copy=False)
        size = self.vectors.shape[1]
        if not isinstance(self.vectors, np.ndarray):
            block = normalised_on_device(self.vectors[start:stop], start)
            return block if self.penalties is None else with_column(block, -self.penalties[start:stop])
        block = normalised(self.vectors[start:stop], "the index", start, columns=self.size - size, dtype=dtype)
        if self.penalties is not None:
            block[:, size] = -self.penalties[start:stop]
        return block

    def least_penalised(self, count: int) -> Integers:
        """The `count` rows with the smallest penalties, of equal ones the first; the best where cosines are below 0."""
        if self.penalties is None:
            return np.empty(0, np.int64)
        if count >= len(self):
            return np.arange(len(self))
        limit = np.partition(self.penalties, count - 1)[count - 1]
        below, level = np.flatnonzero(self.penalties < limit), np.flatnonzero(self.penalties == limit)
        return np.concatenate([below, level[: count - len(below)]])

    def score(self, cosines: NDArray[np.float64], rows: Integers) -> NDArray[np.float32]:
        """Turns cosines [P] of rows [P] into what a search sorts by."""
        if self.penalties is None:
            return cosines.astype(np.float32)
        return (np.clip(cosines, 0, 1) - self.penalties[rows].astype(np.float64)).astype(np.float32)


def normalised_on_device(vectors: Any, first: int) -> Any:
    """Returns rows [n, E] of length 1, float32, of an array that lies on an accelerator.

    Rows are scaled to 1 at their largest number first: squares then neither overflow nor vanish.

    Raises:
        ValueError: a row holds NaN, infinity or zeros alone.
    """
    from keras import ops

    rows = ops.cast(vectors, "float32")
    largest = ops.max(ops.abs(rows), axis=1, keepdims=True)
    good = ops.logical_and(largest > 0, ops.isfinite(largest))
    if not bool(ops.all(good)):
        row = int(ops.argmin(ops.cast(good, "int32")[:, 0]))
        raise ValueError(
            f"row {first + row} of the index holds NaN, infinity or zeros alone; embed that photograph again"
        )
    rows = rows / largest
    return rows * ops.rsqrt(ops.sum(ops.square(rows), axis=1, keepdims=True))


def with_column(rows: Any, column: NDArray[np.float32]) -> Any:
    """Puts a column [n] after rows [n, E] of an accelerator."""
    from keras import ops

    return ops.concatenate([rows, ops.convert_to_tensor(column)[:, None]], axis=1)
