"""Predictions as files: Kaggle's submission form, and candidates with several rows a query."""

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from tfrecords_builder import schema
from tfrecords_builder.atomic import atomic_write
from tfrecords_builder.catalog import read_ids, read_photographs, read_solution
from tfrecords_builder.csv_table import parse_integers, read_columns, read_header
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
    best = _best_columns(probabilities, min(count, probabilities.shape[1]))
    return landmark_ids[best], np.take_along_axis(probabilities, best, axis=1)


def _best_columns(scores: np.ndarray, count: int) -> np.ndarray:
    """[N, count] int, the columns of the largest scores, of equal ones the first; sorts no more than it must."""
    smallest = np.partition(scores, -count, axis=1)[:, -count]
    is_best = scores >= smallest[:, None]
    tied = is_best.sum(axis=1) > count
    best = np.empty((len(scores), count), dtype=np.int64)
    best[~tied] = np.nonzero(is_best[~tied])[1].reshape(-1, count)
    # More scores than are taken equal the last of them: seldom, and then a matter of their order.
    best[tied] = np.argsort(-scores[tied], axis=1, kind="stable")[:, :count]
    order = np.argsort(-np.take_along_axis(scores, best, axis=1), axis=1, kind="stable")
    return np.take_along_axis(best, order, axis=1)


def read_query_ids(path: Path) -> list[str]:
    """Returns the queries of a CSV in its order: a column `id`, or a submission such as Kaggle's sample_submission.csv.

    Raises:
        OSError: the file cannot be read.
        ValueError: it has neither form, or an id is bad or repeated.
    """
    if schema.LANDMARKS in read_header(path):
        return read_ids(path, read_columns(path, [schema.ID]))
    return read_photographs(path)[schema.ID].tolist()


def read_landmarks(path: Path) -> frozenset[int]:
    """Returns the landmarks that occur in a CSV: a solution (`landmarks`), or a table with a column `landmark_id`.

    Raises:
        OSError: the file cannot be read.
        ValueError: it has neither form, or no landmark.
    """
    if schema.LANDMARKS in read_header(path):
        found = frozenset(mark for marks in read_solution(path)[schema.LANDMARKS] for mark in marks)
    else:
        landmark_ids = parse_integers(path, read_columns(path, [schema.LANDMARK])[schema.LANDMARK])
        found = frozenset(landmark_ids.tolist())
    if not found:
        raise ValueError(f"{path} has no landmark; give a solution or a table with a column {schema.LANDMARK}")
    return found


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
