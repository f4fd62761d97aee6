"""Photographs in, predictions out."""

import logging
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from delf_verify.sources import PhotographSource
from tfland.recognition.classifier import Classifier
from tfland.recognition.submission import rank_candidates, write_candidates, write_refused, write_submission
from tfrecords_builder import schema
from tfrecords_builder.images import ImageRefused
from tfrecords_builder.terminal import Progress, Refused, progress

logger = logging.getLogger(__name__)

_BATCH = 32
# Photographs that are decoded ahead of the network; bounds memory whatever their number.
_AHEAD = 4 * _BATCH


@dataclass(frozen=True, kw_only=True)
class Predicted:
    """What was predicted and what could not be.

    Attributes:
        candidates: columns id, landmark_id, score; the best landmarks of each query, best first.
        refused: the queries that could not be read, and why.
    """

    candidates: pd.DataFrame
    refused: dict[str, ImageRefused]


def predict(
    classifier: Classifier, ids: Sequence[str], source: PhotographSource, *, candidates: int = 1, threads: int = 2
) -> Predicted:
    """Returns the most probable landmarks of every photograph.

    Args:
        classifier: the model.
        ids: the photographs, each once.
        source: opens them.
        candidates: landmarks a photograph.
        threads: decode this many photographs at once.

    Raises:
        ValueError: an option is out of range.
    """
    if candidates < 1 or threads < 1:
        raise ValueError(f"candidates is {candidates} and threads is {threads}; give at least 1 of each")
    landmark_ids = np.array(classifier.labels.landmark_ids, dtype=np.int64)
    refused: dict[str, ImageRefused] = {}
    parts: list[pd.DataFrame] = []
    with progress("predict", len(ids), "photographs") as state, ThreadPoolExecutor(threads) as pool:
        images = _read_ahead(classifier, ids, source, pool, refused, state)
        for names, pixels in _batches(images):
            marks, scores = rank_candidates(classifier.probabilities(pixels), landmark_ids, candidates)
            columns = {schema.ID: np.repeat(np.array(names, dtype=object), marks.shape[1])}
            columns |= {schema.LANDMARK: marks.ravel(), schema.SCORE: scores.ravel().astype(np.float64)}
            parts.append(pd.DataFrame(columns))
            state.advance(len(names))
    empty = pd.DataFrame({schema.ID: [], schema.LANDMARK: [], schema.SCORE: []})
    return Predicted(candidates=pd.concat(parts, ignore_index=True) if parts else empty, refused=refused)


def predict_to_file(
    classifier: Classifier, ids: Sequence[str], source: PhotographSource, out: Path, *, candidates: int | None = None
) -> Predicted:
    """Writes predictions: Kaggle's submission form, or `id,landmark_id,score` if `candidates` is given.

    Args:
        classifier: the model.
        ids: the photographs, each once.
        source: opens them.
        out: the CSV. Photographs that cannot be read have an empty prediction and are listed beside it.
        candidates: landmarks a photograph; None means the best one, in submission form.

    Raises:
        Refused: the file is written, but some photographs could not be read.
        OSError: the file cannot be written.
    """
    predicted = predict(classifier, ids, source, candidates=candidates or 1)
    if candidates is None:
        write_submission(out, list(ids), predicted.candidates)
    else:
        write_candidates(out, predicted.candidates)
    refusals = out.with_name(f"{out.stem}.{schema.REFUSED_FILE}")
    write_refused(refusals, predicted.refused)
    if predicted.refused:
        raise Refused(f"{len(predicted.refused)} of {len(ids)} photographs could not be read; see {refusals}")
    return predicted


def _read_ahead(
    classifier: Classifier,
    ids: Sequence[str],
    source: PhotographSource,
    pool: ThreadPoolExecutor,
    refused: dict[str, ImageRefused],
    state: Progress,
) -> Iterator[tuple[str, np.ndarray]]:
    """Yields readable photographs in order, decoded ahead by the pool; the others go to `refused`."""

    def read(image_id: str) -> np.ndarray | ImageRefused:
        try:
            return classifier.fit(source.read(image_id))
        except ImageRefused as refusal:
            return refusal

    waiting: deque[tuple[str, Future[np.ndarray | ImageRefused]]] = deque()
    remaining = iter(ids)
    while True:
        while len(waiting) < _AHEAD and (image_id := next(remaining, None)) is not None:
            waiting.append((image_id, pool.submit(read, image_id)))
        if not waiting:
            return
        image_id, future = waiting.popleft()
        image = future.result()
        if isinstance(image, ImageRefused):
            refused[image_id] = image
            state.advance(refused=1)
        else:
            yield image_id, image


def _batches(images: Iterator[tuple[str, np.ndarray]]) -> Iterator[tuple[list[str], np.ndarray]]:
    names: list[str] = []
    pixels: list[np.ndarray] = []
    for name, image in images:
        names.append(name)
        pixels.append(image)
        if len(names) == _BATCH:
            yield names, np.stack(pixels)
            names, pixels = [], []
    if names:
        yield names, np.stack(pixels)
