"""One pass over the queries: what each network of a system says of each photograph, kept on disk.

The pass can be killed and run again. Everything that a method does afterwards (search, ranking, blending) starts from
these arrays, which are memory-mapped: other methods cost no second pass.
"""

import hashlib
import json
import logging
import shutil
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.lib.format import open_memmap

from delf_verify.sources import PhotographSource
from tfrecords_builder.images import ImageRefused, Refusal
from tfrecords_builder.json_files import read_object, write_json
from tfrecords_builder.terminal import Progress, progress

logger = logging.getLogger(__name__)

GATE = "gate"
PROGRESS_FILE = "observations.json"
_BATCH = 32
# Photographs that are decoded ahead of the networks; bounds memory whatever their number.
_AHEAD = 4 * _BATCH
# Photographs between two writes: what a kill can cost.
_CHUNK = 32 * _BATCH

# What is known of a query.
REFUSED, NO_LANDMARK, SEEN = 1, 2, 3

View = tuple[np.ndarray, ...]


class Observer(Protocol):
    """A network that makes a vector of each photograph.

    Attributes:
        fingerprint: of its weights and of how it sees a photograph.
        dimensions: E, entries of a vector.
    """

    fingerprint: str
    dimensions: int

    def fit(self, photograph: np.ndarray) -> View:
        """What the network is shown of a photograph [H, W, 3] uint8; called from several threads."""
        ...

    def embed(self, photographs: Sequence[View]) -> np.ndarray:
        """[B] views -> [B, E] float32."""
        ...


@dataclass(frozen=True, kw_only=True)
class Observations:
    """What the networks said.

    Attributes:
        ids: [N], the queries.
        status: [N] uint8: REFUSED, NO_LANDMARK (below the gate's threshold) or SEEN.
        vectors: by the observer's name [N, E] float32, memory-mapped; zero where the photograph was not shown to it.
        refused: the queries that could not be read, and why.
    """

    ids: Sequence[str]
    status: np.ndarray
    vectors: Mapping[str, np.ndarray]
    refused: Mapping[str, ImageRefused]

    @property
    def seen(self) -> np.ndarray:
        """[M] int64, the queries that passed the gate."""
        return np.flatnonzero(self.status == SEEN)


@dataclass(kw_only=True)
class _Chunk:
    """The part of the observations that is being made."""

    status: np.ndarray
    vectors: dict[str, np.ndarray]
    refused: dict[str, ImageRefused] = field(default_factory=dict)


def observe(
    observers: Mapping[str, Observer],
    ids: Sequence[str],
    source: PhotographSource,
    work: Path,
    *,
    threshold: float = 0.0,
    threads: int = 2,
) -> Observations:
    """Shows every photograph to the networks, or goes on where an earlier call was interrupted.

    Args:
        observers: by name; the one called "gate", if any, gives one number, and a photograph of which that is below
            `threshold` is shown to none of the others.
        ids: the photographs, each once.
        source: opens them.
        work: folder of the results; one of other photographs or networks is begun anew.
        threshold: of the gate.
        threads: decode this many photographs at once.

    Raises:
        ValueError: threads is not positive.
        OSError: the folder cannot be written.
    """
    if threads < 1:
        raise ValueError(f"threads is {threads}; give at least 1")
    identity = _identity(observers, ids, threshold)
    done, refused = _earlier(work, identity)
    arrays = _open_arrays(observers, len(ids), work, new=done == 0)
    with progress("predict", len(ids), "photographs") as state, ThreadPoolExecutor(threads) as pool:
        if done:
            state.skip(done)
            logger.info("%d photographs were looked at before; %s", done, work)
        for start in range(done, len(ids), _CHUNK):
            part = slice(start, start + _CHUNK)
            chunk = _look(observers, ids[part], source, threshold, pool, state)
            arrays["status"][part] = chunk.status
            for name, vectors in chunk.vectors.items():
                arrays[name][part] = vectors
            refused |= chunk.refused
            for array in arrays.values():
                if isinstance(array, np.memmap):
                    array.flush()
            stop = min(start + _CHUNK, len(ids))
            listed = [[name, why.reason.value, why.detail] for name, why in refused.items()]
            write_json(work / PROGRESS_FILE, {"identity": identity, "done": stop, "refused": listed})
    status = arrays.pop("status")
    return Observations(ids=ids, status=status, vectors=arrays, refused=refused)


def discard(work: Path) -> None:
    """Removes the folder of a pass, and no other."""
    if (work / PROGRESS_FILE).exists():
        shutil.rmtree(work)


def _identity(observers: Mapping[str, Observer], ids: Sequence[str], threshold: float) -> str:
    networks = {name: observer.fingerprint for name, observer in observers.items()}
    text = json.dumps([networks, threshold if GATE in observers else None, list(ids)])
    return hashlib.sha256(text.encode()).hexdigest()


def _earlier(work: Path, identity: str) -> tuple[int, dict[str, ImageRefused]]:
    """How many photographs an earlier call finished, and which of them it refused."""
    path = work / PROGRESS_FILE
    if not path.exists():
        return 0, {}
    earlier = read_object(path)
    if earlier.get("identity") != identity:
        logger.info("%s holds other photographs or networks; it is begun anew", work)
        return 0, {}
    refused = {name: ImageRefused(Refusal(reason), detail) for name, reason, detail in earlier["refused"]}
    return int(earlier["done"]), refused


def _open_arrays(observers: Mapping[str, Observer], count: int, work: Path, *, new: bool) -> dict[str, np.ndarray]:
    work.mkdir(parents=True, exist_ok=True)
    if new:
        (work / PROGRESS_FILE).unlink(missing_ok=True)
    shapes: dict[str, tuple[type, tuple[int, ...]]] = {"status": (np.uint8, (count,))}
    shapes |= {name: (np.float32, (count, observer.dimensions)) for name, observer in observers.items()}
    if not count:
        return {name: np.zeros(shape, dtype) for name, (dtype, shape) in shapes.items()}
    return {
        name: open_memmap(work / f"{name}.npy", mode="w+" if new else "r+", dtype=dtype, shape=shape)
        for name, (dtype, shape) in shapes.items()
    }


def _look(
    observers: Mapping[str, Observer],
    ids: Sequence[str],
    source: PhotographSource,
    threshold: float,
    pool: ThreadPoolExecutor,
    state: Progress,
) -> _Chunk:
    chunk = _Chunk(
        status=np.full(len(ids), REFUSED, np.uint8),
        vectors={name: np.zeros((len(ids), observer.dimensions), np.float32) for name, observer in observers.items()},
    )
    others = {name: observer for name, observer in observers.items() if name != GATE}
    rows: list[int] = []
    views: list[dict[str, View]] = []

    def show(count: int) -> None:
        """Shows the others the first of the photographs that wait for them."""
        for name, observer in others.items():
            chunk.vectors[name][rows[:count]] = observer.embed([view[name] for view in views[:count]])
        del rows[:count], views[:count]

    for batch, shown in _batches(_read_ahead(observers, ids, source, pool, chunk, state)):
        passed = np.ones(len(batch), dtype=bool)
        if GATE in observers:
            chances = observers[GATE].embed([view[GATE] for view in shown])
            chunk.vectors[GATE][batch] = chances
            passed = chances[:, 0] >= threshold
        chunk.status[batch] = np.where(passed, SEEN, NO_LANDMARK)
        rows.extend(batch[passed].tolist())
        views.extend(view for view, yes in zip(shown, passed, strict=True) if yes)
        # Where the gate keeps most back, the others wait until a batch is full.
        if len(rows) >= _BATCH:
            show(_BATCH)
        state.advance(len(batch))
    if rows:
        show(len(rows))
    return chunk


def _read_ahead(
    observers: Mapping[str, Observer],
    ids: Sequence[str],
    source: PhotographSource,
    pool: ThreadPoolExecutor,
    chunk: _Chunk,
    state: Progress,
) -> Iterator[tuple[int, dict[str, View]]]:
    """Yields readable photographs in order, decoded ahead by the pool; the others go to `chunk.refused`."""

    def read(image_id: str) -> dict[str, View] | ImageRefused:
        try:
            photograph = source.read(image_id)
        except ImageRefused as refusal:
            return refusal
        return {name: observer.fit(photograph) for name, observer in observers.items()}

    waiting: deque[Future[dict[str, View] | ImageRefused]] = deque()
    remaining = iter(ids)
    for row, name in enumerate(ids):
        while len(waiting) < _AHEAD and (image_id := next(remaining, None)) is not None:
            waiting.append(pool.submit(read, image_id))
        views = waiting.popleft().result()
        if isinstance(views, ImageRefused):
            chunk.refused[name] = views
            state.advance(refused=1)
        else:
            yield row, views


def _batches(photographs: Iterator[tuple[int, dict[str, View]]]) -> Iterator[tuple[np.ndarray, list[dict[str, View]]]]:
    rows: list[int] = []
    views: list[dict[str, View]] = []
    for row, view in photographs:
        rows.append(row)
        views.append(view)
        if len(rows) == _BATCH:
            yield np.array(rows), views
            rows, views = [], []
    if rows:
        yield np.array(rows), views
