"""Photographs in, predictions out."""

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from delf_verify.sources import PhotographSource
from tfland.recognition.methods import recognise
from tfland.recognition.observe import NO_LANDMARK, discard, observe
from tfland.recognition.submission import write_candidates, write_refused, write_submission
from tfland.recognition.system import System
from tfrecords_builder import schema
from tfrecords_builder.images import ImageRefused
from tfrecords_builder.terminal import Refused

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Predicted:
    """What was predicted and what could not be.

    Attributes:
        candidates: columns id, landmark_id, score; the best landmarks of each query, best first.
        refused: the queries that could not be read, and why.
        not_landmarks: queries that the gate kept back.
    """

    candidates: pd.DataFrame
    refused: Mapping[str, ImageRefused]
    not_landmarks: int


def predict(
    system: System,
    ids: Sequence[str],
    source: PhotographSource,
    work: Path,
    *,
    candidates: int = 1,
    landmarks: Collection[int] | None = None,
    threads: int = 2,
) -> Predicted:
    """Returns the best landmarks of every photograph.

    Args:
        system: the models and the method.
        ids: the photographs, each once.
        source: opens them.
        work: folder for what the networks say; killed and called again, the pass over the photographs goes on, and
            another method with the same networks needs no further one.
        candidates: landmarks a photograph.
        landmarks: the only ones that may be predicted; None allows all.
        threads: decode this many photographs at once.

    Raises:
        ValueError: an option is out of range.
        OSError: the folder cannot be written.
    """
    if candidates < 1 or threads < 1:
        raise ValueError(f"candidates is {candidates} and threads is {threads}; give at least 1 of each")
    seen = observe(system.observers(), ids, source, work, threshold=system.threshold, threads=threads)
    if len(seen.seen):
        found = recognise(system, seen, candidates=candidates, landmarks=landmarks)
    else:
        found = pd.DataFrame({schema.ID: [], schema.LANDMARK: [], schema.SCORE: []})
    return Predicted(candidates=found, refused=seen.refused, not_landmarks=int((seen.status == NO_LANDMARK).sum()))


def predict_to_file(
    system: System,
    ids: Sequence[str],
    source: PhotographSource,
    out: Path,
    *,
    candidates: int | None = None,
    landmarks: Collection[int] | None = None,
    work: Path | None = None,
) -> Predicted:
    """Writes predictions: Kaggle's submission form, or `id,landmark_id,score` if `candidates` is given.

    Args:
        system: the models and the method.
        ids: the photographs, each once; the lines of a submission are in this order.
        source: opens them.
        out: the CSV. Photographs that cannot be read, or that the gate keeps back, have an empty prediction in a
            submission and no row among candidates; the unreadable are listed beside it.
        candidates: landmarks a photograph; None means the best one, in submission form.
        landmarks: the only ones that may be predicted; None allows all.
        work: see `predict`; None takes a folder beside `out` that is removed at the end.

    Raises:
        Refused: the file is written, but some photographs could not be read.
        OSError: the file cannot be written.
    """
    folder = work or out.with_name(f"{out.stem}.observations")
    predicted = predict(system, ids, source, folder, candidates=candidates or 1, landmarks=landmarks)
    if candidates is None:
        write_submission(out, list(ids), predicted.candidates)
    else:
        write_candidates(out, predicted.candidates)
    refusals = out.with_name(f"{out.stem}.{schema.REFUSED_FILE}")
    write_refused(refusals, predicted.refused)
    if work is None:
        discard(folder)
    if predicted.not_landmarks:
        logger.info("%d of %d photographs show no landmark, says the gate", predicted.not_landmarks, len(ids))
    if predicted.refused:
        raise Refused(f"{len(predicted.refused)} of {len(ids)} photographs could not be read; see {refusals}")
    return predicted
