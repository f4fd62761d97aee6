"""Predictions as files: Kaggle's submission form, and candidates with several rows a query."""

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from tfrecords_builder import schema
from tfrecords_builder.atomic import atomic_write
from tfrecords_builder.images import ImageRefused

_COLUMNS = (schema.ID, schema.LANDMARK, schema.SCORE)


def rank_candidates(probabilities: np.ndarray, landmark_ids: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the `count` most probable landmarks of every query and their scores, best first.

    Equal scores are ordered by landmark, ascending, so that the result never depends on the sort.

    Args:
        probabilities: [N, C] float.
        landmark_ids: [C] int, ascending: the landmark of every class.
        count: candidates a query; more than C gives C.

    Returns:
        [N, count] int landmarks and [N, count] float scores.
    """
    best = np.argsort(-probabilities, axis=1, kind="stable")[:, :count]
    return landmark_ids[best], np.take_along_axis(probabilities, best, axis=1)


def write_submission(path: Path, ids: list[str], predictions: pd.DataFrame) -> None:
    """Writes Kaggle's form `id,landmarks`: a line a query, empty where nothing is predicted.

    Args:
        path: the CSV to write.
        ids: every query, in the order of the lines.
        predictions: columns id, landmark_id, score; at most one row a query.
    """
    cells = {query: f"{landmark} {score}" for query, landmark, score in _rows(predictions)}
    with atomic_write(path) as file:
        file.write(f"{schema.ID},{schema.LANDMARKS}\n")
        file.writelines(f"{query},{cells.get(query, '')}\n" for query in ids)


def write_candidates(path: Path, candidates: pd.DataFrame) -> None:
    """Writes `id,landmark_id,score`, one row a candidate.

    Args:
        path: the CSV to write.
        candidates: those columns, best first within a query.
    """
    with atomic_write(path) as file:
        file.write(f"{schema.ID},{schema.LANDMARK},{schema.SCORE}\n")
        file.writelines(f"{query},{landmark},{score}\n" for query, landmark, score in _rows(candidates))


def _rows(table: pd.DataFrame) -> Iterator[tuple[str, int, str]]:
    """Yields id, landmark and score as text."""
    for query, landmark, score in zip(*(table[name].tolist() for name in _COLUMNS), strict=True):
        # Nine digits bring a float32 back exactly, so that ties in the file are ties in the model.
        yield query, landmark, f"{score:.9g}"


def write_refused(path: Path, refused: Mapping[str, ImageRefused]) -> None:
    """Writes `id,reason,detail`, one row a photograph that could not be read; none gives a header alone.

    Args:
        path: the CSV to write.
        refused: the reason for each id.
    """
    with atomic_write(path, newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([schema.ID, schema.REASON, schema.DETAIL])
        writer.writerows([image_id, why.reason.value, why.detail] for image_id, why in refused.items())
