"""Embeddings made comparable: rows of length 1, models side by side, dimensions brought to normal distributions."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tfland.recognition.cosine import Floats, check_vectors, normalised
from tfland.recognition.quantiles import QuantileTransform, sampled_rows
from tfland.recognition.ranking_config import RankingConfig

# Rows that are worked on at once.
_ROWS = 1 << 15


class Arrays(Protocol):
    """Where the arrays of spaces live; each is made once."""

    def finished(self, name: str) -> NDArray[np.float32] | None:
        """Returns an array that is there already, or None."""
        ...

    def create(self, name: str, rows: int, size: int) -> NDArray[np.float32]:
        """Returns [rows, size] to be filled."""
        ...

    def finish(self, name: str) -> NDArray[np.float32]:
        """Returns what was created, now filled."""
        ...


class InMemory:
    """`Arrays` that nobody keeps."""

    def __init__(self) -> None:
        self._arrays: dict[str, NDArray[np.float32]] = {}

    def finished(self, name: str) -> None:
        """Nothing is there."""
        del name

    def create(self, name: str, rows: int, size: int) -> NDArray[np.float32]:
        """Returns [rows, size] to be filled."""
        self._arrays[name] = np.empty((rows, size), np.float32)
        return self._arrays[name]

    def finish(self, name: str) -> NDArray[np.float32]:
        """Returns what was created."""
        return self._arrays.pop(name)


@dataclass(frozen=True, kw_only=True)
class Space:
    """Embeddings that are compared with each other: of one model, or of several side by side.

    Attributes:
        queries: [Q, D] float32.
        index: [N, D] float32.
        non_landmarks: [Z, D] float32; Z is 0 where there are none.
    """

    queries: Floats
    index: Floats
    non_landmarks: Floats


def prepare(
    queries: Sequence[Floats],
    index: Sequence[Floats],
    non_landmarks: Sequence[Floats] | None,
    config: RankingConfig,
    arrays: Arrays | None = None,
) -> list[Space]:
    """Returns the spaces to search in: one, or one for each model with `ensemble: per_model`.

    "We first l2-normalize each of them separately, concatenate them, and apply [the] quantile transformer on each
    embedding dimension" (seed 001, section 2.5).

    Args:
        queries: one [Q, E] array for each model.
        index: likewise [N, E].
        non_landmarks: likewise [Z, E]; None or none where no penalty needs them.
        config: the settings.
        arrays: where the results go; None keeps them in memory.

    Raises:
        ValueError: shapes or numbers of models disagree, something is missing, or a row cannot be compared.
    """
    pool = list(non_landmarks or ()) if config.needs_non_landmarks else []
    _check_models(queries, index, pool, config)
    arrays = arrays or InMemory()
    groups = [slice(None)] if config.ensemble == "concat" else [slice(n, n + 1) for n in range(len(queries))]
    spaces = []
    for number, group in enumerate(groups):
        fit = _fit_once(queries[group], config) if config.quantile else None
        made: dict[str, NDArray[np.float32]] = {}
        for name, models in (("queries", queries), ("index", index), ("non_landmarks", pool)):
            made[name] = _made(f"{name}-{number}", name, models[group], fit, arrays)
        spaces.append(Space(**made))
    return spaces


def _fit_once(queries: Sequence[Floats], config: RankingConfig) -> Callable[[], QuantileTransform]:
    """Gives the transform of the queries, fitted when it is first needed."""

    @cache
    def fit() -> QuantileTransform:
        count = len(queries[0])
        rows = sampled_rows(count, config.quantile_seed)
        sample = [part[rows] for part in queries]
        joined = np.empty((len(sample[0]), sum(part.shape[1] for part in sample)), np.float32)
        _put_side_by_side("queries", sample, joined)
        return QuantileTransform.of_sample(joined, count)

    return fit


def _made(
    key: str, name: str, models: Sequence[Floats], fit: Callable[[], QuantileTransform] | None, arrays: Arrays
) -> NDArray[np.float32]:
    """Makes the array of one part of a space, unless it is there."""
    found = arrays.finished(key)
    if found is not None:
        return found
    rows, size = (len(models[0]), sum(part.shape[1] for part in models)) if models else (0, 1)
    array = arrays.create(key, rows, size)
    _put_side_by_side(name, models, array)
    if fit is not None and rows:
        _transform(fit(), name, array)
    return arrays.finish(key)


def _check_models(
    queries: Sequence[Floats], index: Sequence[Floats], pool: Sequence[Floats], config: RankingConfig
) -> None:
    if config.needs_non_landmarks and not (pool and all(len(part) for part in pool)):
        raise ValueError(
            "penalties compare with photographs that show no landmark, and there are none; give their embeddings or "
            "switch both penalties off"
        )
    parts = {"queries": queries, "the index": index} | ({"non-landmarks": pool} if pool else {})
    if not queries or len({len(models) for models in parts.values()}) != 1:
        counts = ", ".join(f"{name}: {len(models)}" for name, models in parts.items())
        raise ValueError(f"every model needs embeddings of everything; got arrays for {counts}")
    for name, models in parts.items():
        for number, (part, of_queries) in enumerate(zip(models, queries, strict=True)):
            check_vectors(part, f"{name} of model {number}")
            if part.shape[1] != of_queries.shape[1] or len(part) != len(models[0]):
                raise ValueError(
                    f"{name} of model {number} have the shape {list(part.shape)}; expected {len(models[0])} rows as of "
                    f"model 0, of {of_queries.shape[1]} numbers as its queries"
                )


def _put_side_by_side(name: str, models: Sequence[Floats], rows: NDArray[np.float32]) -> None:
    """Fills rows [N, sum of E] with those of the models, each of length 1."""
    ends = np.cumsum([0, *(part.shape[1] for part in models)])
    for number, part in enumerate(models):
        for start in range(0, len(part), _ROWS):
            unit = normalised(part[start : start + _ROWS], f"{name} of model {number}", start)
            rows[start : start + _ROWS, ends[number] : ends[number + 1]] = unit


def _transform(transform: QuantileTransform, name: str, rows: NDArray[np.float32]) -> None:
    for start in range(0, len(rows), _ROWS):
        block = transform(rows[start : start + _ROWS], out=rows[start : start + _ROWS])
        empty = ~block.any(axis=1)
        if empty.any():
            raise ValueError(
                f"the quantile transform makes row {start + int(empty.argmax())} of {name} all zeros, "
                "the middle of the queries; there are too few queries for it: switch it off"
            )
