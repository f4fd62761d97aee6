"""Embeds photographs: any model over any shards, or over a CSV and a folder, resumable and in a fixed order."""

import hashlib
import itertools
import json
import logging
import shutil
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tfland.recognition.embed_parts import PART_ROWS, PARTS_FOLDER, Part, Parts, open_parts
from tfland.recognition.embed_sources import Photographs
from tfland.recognition.embedder import Embedder
from tfland.recognition.embedding_files import DTYPES, read_about, write_embeddings
from tfrecords_builder import schema
from tfrecords_builder.csv_table import read_columns
from tfrecords_builder.images import ImageRefused
from tfrecords_builder.manifest import RefusedImage, write_refused
from tfrecords_builder.terminal import CheckFailed, Progress, Refused, progress

logger = logging.getLogger(__name__)

# Beside the reasons of `image_limits.Refusal`: the photograph is sound, but the model makes nothing of it.
NO_EMBEDDING = "no_embedding"
# Photographs that are decoded ahead of the network; bounds memory whatever their number.
_BATCHES_AHEAD = 4
# More would only be filled up: a batch does not reach over the end of a part.
_MAX_BATCH = PART_ROWS


@dataclass(frozen=True, kw_only=True)
class _Opened:
    """A photograph at the sizes of the views, or why it cannot be had."""

    image_id: str
    landmark_id: int
    views: tuple[np.ndarray, ...] | ImageRefused


@dataclass(frozen=True, kw_only=True)
class EmbedConfig:
    """How photographs are embedded; the vectors depend on `dtype` alone.

    Attributes:
        dtype: of the file, "float16" (half the size; cosines move by less than 0.0002) or "float32".
        batch_size: photographs that the network sees at once.
        workers: threads that open photographs.
        share: (i, n): only do the i-th of n shares of the work, counted from 0; several machines with one output
            folder. The whole, (0, 1), does what is missing and puts the parts together.
    """

    dtype: str = "float16"
    batch_size: int = 32
    workers: int = 2
    share: tuple[int, int] = (0, 1)

    def __post_init__(self) -> None:
        if self.dtype not in DTYPES:
            raise ValueError(f"dtype is {self.dtype!r}; give one of {', '.join(DTYPES)}")
        if not 1 <= self.batch_size <= _MAX_BATCH:
            raise ValueError(f"batch_size is {self.batch_size}; give 1 to {_MAX_BATCH}")
        if self.workers < 1:
            raise ValueError(f"workers is {self.workers}; give at least 1 thread")
        if not 0 <= self.share[0] < self.share[1]:
            raise ValueError(f"share is {self.share[0]}/{self.share[1]}; give I/N with I from 0 to N - 1, such as 0/8")


def embed(embedder: Embedder, photographs: Photographs, out: Path, config: EmbedConfig | None = None) -> int:
    """Writes the embeddings of photographs; what an earlier run has finished is kept.

    The rows are those of the photographs, in their order, without the refused ones: the same bytes whatever the
    numbers of workers and shares and however often the run was killed, and on a CPU whatever the batch size.

    Args:
        embedder: the model.
        photographs: what to embed.
        out: the folder.
        config: see `EmbedConfig`.

    Returns:
        Rows of the finished folder; of a share the photographs that have been done here.

    Raises:
        Refused: finished, but some photographs have no embedding; refused.csv lists them.
        ValueError: the folder holds embeddings of another kind, or a photograph occurs twice.
        CheckFailed: a record is corrupt, or nothing could be embedded.
        OSError: the folder cannot be written, or another process works in it.
    """
    config = config or EmbedConfig()
    identity = _identity(embedder, photographs, config)
    job = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
    rows = _finished_before(out, job)
    if rows is None:
        whole = config.share[1] == 1
        with open_parts(out, shared=not whole) as parts:
            parts.claim(identity)
            done = _embed_missing(embedder, photographs, parts, config)
            if not whole:
                return done
            rows = _put_together(embedder, len(photographs), parts, out, config.dtype, job)
            parts.remove()
    refusals = out / schema.REFUSED_FILE
    refused = len(read_columns(refusals, [schema.ID], allow_empty=True))
    if refused:
        raise Refused(f"{rows} rows in {out}; {refused} photographs have no embedding: see {refusals}")
    return rows


def count_parts(count: int) -> int:
    """Number of parts of so many photographs."""
    return -(-count // PART_ROWS)


def missing_parts(embedder: Embedder, photographs: Photographs, out: Path, config: EmbedConfig) -> list[int]:
    """Numbers of the parts that no run has done yet, for those who share them out; claims the folder.

    Raises:
        ValueError: the folder holds embeddings of another kind.
        OSError: another process works in it, or it cannot be written.
    """
    if read_about(out) is not None:
        return []
    with open_parts(out, shared=False) as parts:
        parts.claim(_identity(embedder, photographs, config))
        return [number for number in range(count_parts(len(photographs))) if not parts.is_finished(number)]


def _identity(embedder: Embedder, photographs: Photographs, config: EmbedConfig) -> dict[str, Any]:
    """What decides the rows of the finished folder."""
    return {
        "model": {**embedder.model, "fingerprint": embedder.fingerprint},
        "dtype": config.dtype,
        "photographs": {"count": len(photographs), "sha256": photographs.digest()},
    }


def _finished_before(out: Path, job: str) -> int | None:
    """Rows of the folder where this very job has finished it; None where there is work to do."""
    about = read_about(out)
    if about is None:
        return None
    if about.job != job:
        raise ValueError(
            f"{out} holds embeddings of another model, of other photographs or views; choose another --out"
        )
    # Left by a run that was killed in its last moment.
    shutil.rmtree(out / PARTS_FOLDER, ignore_errors=True)
    logger.info("embed: all %d rows of %s were made before", about.rows, out)
    return about.rows


def _embed_missing(embedder: Embedder, photographs: Photographs, parts: Parts, config: EmbedConfig) -> int:
    """Embeds the parts of this share that are missing; returns how many photographs the share has."""
    index, count = config.share
    numbers = range(index, count_parts(len(photographs)), count)
    missing = [number for number in numbers if not parts.is_finished(number)]
    total = sum(len(_rows(number, len(photographs))) for number in numbers)
    left = sum(len(_rows(number, len(photographs))) for number in missing)
    if not missing:
        return total
    with progress("embed", total, "photographs") as state, ThreadPoolExecutor(config.workers) as pool:
        state.skip(total - left)
        try:
            rows = [row for number in missing for row in _rows(number, len(photographs))]
            opened = _open_ahead(embedder, photographs, rows, pool, _BATCHES_AHEAD * config.batch_size)
            for number in missing:
                some = itertools.islice(opened, len(_rows(number, len(photographs))))
                parts.write(number, _embed_part(embedder, some, config, state))
        finally:
            pool.shutdown(cancel_futures=True)
    return total


def _rows(part: int, count: int) -> range:
    """The photographs of a part."""
    return range(part * PART_ROWS, min((part + 1) * PART_ROWS, count))


def _open_ahead(
    embedder: Embedder, photographs: Photographs, rows: Sequence[int], pool: ThreadPoolExecutor, ahead: int
) -> Iterator[_Opened]:
    """Yields photographs in order, opened ahead by the pool."""

    def open_one(row: int) -> _Opened:
        photograph = photographs.read(row)
        pixels = photograph.pixels
        views = pixels if isinstance(pixels, ImageRefused) else embedder.fit(pixels)
        return _Opened(image_id=photograph.image_id, landmark_id=photograph.landmark_id, views=views)

    waiting: deque[Future[_Opened]] = deque()
    remaining = iter(rows)
    while True:
        waiting.extend(pool.submit(open_one, row) for row in itertools.islice(remaining, ahead - len(waiting)))
        if not waiting:
            return
        yield waiting.popleft().result()


def _embed_part(embedder: Embedder, opened: Iterator[_Opened], config: EmbedConfig, state: Progress) -> Part:
    ids: list[str] = []
    landmark_ids: list[int] = []
    refused: list[RefusedImage] = []
    vectors = [np.empty((0, embedder.dimensions), config.dtype)]
    while batch := list(itertools.islice(opened, config.batch_size)):
        # A refused photograph keeps its place: which rows lie in one batch depends on the list alone.
        black = tuple(np.zeros((*size, 3), np.uint8) for size in embedder.sizes)
        views = [black if isinstance(one.views, ImageRefused) else one.views for one in batch]
        rows = embedder.embed(views, config.batch_size).astype(config.dtype)
        problems = [_problem(one, row) for one, row in zip(batch, rows, strict=True)]
        refused += [problem for problem in problems if problem is not None]
        kept = [problem is None for problem in problems]
        vectors.append(rows[kept])
        ids += [one.image_id for one in itertools.compress(batch, kept)]
        landmark_ids += [one.landmark_id for one in itertools.compress(batch, kept)]
        state.advance(len(batch), refused=kept.count(False))
    return Part(ids=ids, landmark_ids=landmark_ids, vectors=np.concatenate(vectors), refused=refused)


def _problem(opened: _Opened, vector: np.ndarray) -> RefusedImage | None:
    """Why a photograph has no row, or None."""
    if isinstance(opened.views, ImageRefused):
        return RefusedImage(id=opened.image_id, reason=opened.views.reason.value, detail=opened.views.detail)
    if not np.isfinite(vector).all():
        return RefusedImage(id=opened.image_id, reason=NO_EMBEDDING, detail="the model's vector holds NaN or infinity")
    if not vector.any():
        return RefusedImage(id=opened.image_id, reason=NO_EMBEDDING, detail="the model's vector is zero")
    return None


def _put_together(embedder: Embedder, count: int, parts: Parts, out: Path, dtype: str, job: str) -> int:
    """Writes the folder's files from its parts; returns the number of rows."""
    numbers = range(count_parts(count))
    ids: list[str] = []
    landmark_ids: list[int] = []
    refused: list[RefusedImage] = []
    for number in numbers:
        part = parts.read(number)
        ids += part.ids
        landmark_ids += part.landmark_ids
        refused += part.refused
    write_refused(out, refused)
    if not ids:
        raise CheckFailed(
            f"none of {count} photographs could be embedded, the first for {refused[0].reason} ({refused[0].detail}); "
            f"see {out / schema.REFUSED_FILE}, then delete {out}"
        )
    marks = np.array(landmark_ids, np.int64)
    about = write_embeddings(
        out,
        np.array(ids, np.str_),
        marks if (marks != schema.NO_LANDMARK_ID).any() else None,
        (parts.read(number).vectors for number in numbers),
        dimensions=embedder.dimensions,
        dtype=dtype,
        fingerprint=embedder.fingerprint,
        model=embedder.model,
        job=job,
    )
    return about.rows
