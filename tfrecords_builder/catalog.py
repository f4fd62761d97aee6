"""Reads the CSV files of Google Landmarks v2 and of the Kaggle challenges into tables.

Every error is a ValueError that names the file, the line and the value. Lines count as in an editor: the header is
line 1 (fields that contain line breaks, which no such file has, would shift the count).
"""

from collections.abc import Collection
from pathlib import Path

import numpy as np
import pandas as pd

from tfrecords_builder.atomic import atomic_write
from tfrecords_builder.csv_table import first_bad, line_of, parse_integers, read_columns, read_header, surely_distinct
from tfrecords_builder.ids import ID_PATTERN, MAX_ID_LENGTH, bad_id_message
from tfrecords_builder.ids import validate_id as validate_id
from tfrecords_builder.label_space import LabelSpace, require_label_space
from tfrecords_builder.schema import (
    ID,
    IMAGES,
    LANDMARK,
    LANDMARKS,
    NO_LANDMARK_ID,
    SCORE,
    URL,
    USAGE,
)

# A table of queries has no landmark column; any other column in it is likelier a misspelt one than a further one.
_QUERY_COLUMNS = frozenset({ID, URL, "author", "license", "title"})
_USAGES = ("Public", "Private", "Ignored")
_NUMBER = r"[+\-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+\-]?[0-9]+)?"


def read_photographs(
    path: Path | str,
    *,
    known_landmarks: Collection[int] | None = None,
    label_space: LabelSpace = LabelSpace.TRAIN,
) -> pd.DataFrame:
    """Returns the photographs of a CSV file, in its order.

    Args:
        path: one of `id,landmark_id` and `id,url,landmark_id` (train.csv), `landmark_id,images` (train_clean.csv; ids
            separated by spaces) or `id` (test.csv; url, author, license and title
            may follow). Further columns beside landmark_id are allowed and dropped.
        known_landmarks: the landmarks that may occur; None allows any.
        label_space: what the landmark ids are of; see `label_space`.

    Returns:
        Columns id (text) and landmark_id (int64; NO_LANDMARK_ID in the form without landmarks).

    Raises:
        OSError: the file cannot be read.
        ValueError: the file is of another label space, the header is of none of these forms, or a row has a bad or
            repeated id, or a landmark that is not an integer or not known.
    """
    header = read_header(path)
    if LANDMARK in header:
        require_label_space(path, label_space)
    if LANDMARK in header and IMAGES in header:
        ids, landmarks, lines = _read_clean(path)
    elif LANDMARK in header:
        table = read_columns(path, [ID, LANDMARK])
        ids, landmarks, lines = table[ID], parse_integers(path, table[LANDMARK]), None
    elif ID in header and _QUERY_COLUMNS.issuperset(header):
        ids, lines = read_columns(path, [ID])[ID], None
        landmarks = np.full(len(ids), NO_LANDMARK_ID, np.int64)
    else:
        raise ValueError(
            f"{path}: its header is {','.join(header)}; expected id,landmark_id or id,url,landmark_id or "
            "landmark_id,images or id"
        )
    _check_ids(path, ids, lines)
    if known_landmarks is not None:
        _check_known(path, landmarks, known_landmarks, lines)
    return pd.DataFrame({ID: ids.array, LANDMARK: landmarks})


def read_solution(path: Path | str) -> pd.DataFrame:
    """Returns a solution (`id,landmarks,Usage`), in the file's order.

    Returns:
        Columns id (text), landmarks (tuples of int; empty for a photograph without a landmark) and usage ("Public",
        "Private" or "Ignored").

    Raises:
        OSError: the file cannot be read.
        ValueError: a column is missing or a row is not as described.
    """
    table = read_columns(path, [ID, LANDMARKS, USAGE])
    _check_ids(path, table[ID], None)
    row = first_bad(table[USAGE].isin(_USAGES))
    if row is not None:
        raise ValueError(
            f"{path}, line {line_of(row)}: Usage {table[USAGE].iloc[row]!r} is none of {', '.join(_USAGES)}"
        )
    row = first_bad(table[LANDMARKS].str.fullmatch(r" *(?:[0-9]{1,18}(?: +|$))*").fillna(False))
    if row is not None:
        raise ValueError(
            f"{path}, line {line_of(row)}: landmarks {table[LANDMARKS].iloc[row]!r} are not whole numbers "
            "separated by spaces"
        )
    landmarks = [tuple(int(token) for token in cell.split()) for cell in table[LANDMARKS]]
    return pd.DataFrame(
        {ID: table[ID].to_numpy(), LANDMARKS: pd.Series(landmarks, dtype=object), "usage": table[USAGE]}
    )


def read_submission(path: Path | str) -> pd.DataFrame:
    """Returns predictions in Kaggle's form (`id,landmarks`, a cell being "<landmark_id> <score>" or empty).

    Returns:
        Columns id (text), landmark_id (int64) and score (float64), in the file's order; an empty prediction has
        NO_LANDMARK_ID and NaN.

    Raises:
        OSError: the file cannot be read.
        ValueError: a column is missing, an id is bad or repeated, or a cell is not two tokens with a finite score.
    """
    table = read_columns(path, [ID, LANDMARKS])
    _check_ids(path, table[ID], None)
    cells = table[LANDMARKS].fillna("").str.strip()
    tokens = [cell.split() for cell in cells]
    counts = np.array([len(cell) for cell in tokens], np.int64)
    row = first_bad((counts == 0) | (counts == 2))
    if row is not None:
        raise ValueError(
            f"{path}, line {line_of(row)}: landmarks {cells.iloc[row]!r} has {counts[row]} tokens; expected "
            "'<landmark_id> <score>' or nothing"
        )
    given = np.flatnonzero(counts == 2)
    landmarks = np.full(len(table), NO_LANDMARK_ID, np.int64)
    scores = np.full(len(table), np.nan)
    lines = given + line_of(0)
    first, second = (pd.Series([tokens[row][place] for row in given], dtype=str) for place in (0, 1))
    landmarks[given] = parse_integers(path, first.rename(LANDMARK), lines)
    scores[given] = _parse_scores(path, second, lines)
    return pd.DataFrame({ID: table[ID].to_numpy(), LANDMARK: landmarks, SCORE: scores})


def read_candidates(path: Path | str) -> pd.DataFrame:
    """Returns predictions with several candidates a photograph (`id,landmark_id,score`, one row each).

    Returns:
        Columns id (text), landmark_id (int64) and score (float64), in the file's order.

    Raises:
        OSError: the file cannot be read.
        ValueError: a column is missing, or a row has a bad id, a landmark that is no integer, a score that is not
            finite, or repeats a photograph's landmark.
    """
    table = read_columns(path, [ID, LANDMARK, SCORE])
    _check_id_form(path, table[ID], None)
    landmarks = parse_integers(path, table[LANDMARK])
    scores = _parse_scores(path, table[SCORE], np.arange(len(table)) + line_of(0))
    candidates = pd.DataFrame({ID: table[ID].to_numpy(), LANDMARK: landmarks, SCORE: scores})
    row = first_bad(~candidates.duplicated([ID, LANDMARK]))
    if row is not None:
        raise ValueError(
            f"{path}, line {line_of(row)}: id {candidates[ID].iloc[row]!r} has landmark {landmarks[row]} twice"
        )
    return candidates


def read_ids(path: Path | str, table: pd.DataFrame) -> list[str]:
    """Returns the ids of a table that `csv_table.read_columns` read.

    Raises:
        ValueError: an id is bad or repeated.
    """
    _check_ids(path, table[ID], None)
    return table[ID].tolist()


def write_photographs(path: Path | str, photographs: pd.DataFrame) -> None:
    """Writes `id,landmark_id`, or `id` alone where no photograph has a landmark; `read_photographs` reads both."""
    has_landmarks = bool((photographs[LANDMARK] != NO_LANDMARK_ID).any())
    columns = [ID, LANDMARK] if has_landmarks else [ID]
    with atomic_write(path, newline="") as file:
        photographs.to_csv(file, columns=columns, index=False, lineterminator="\n")


def _read_clean(path: Path | str) -> tuple[pd.Series, np.ndarray, np.ndarray]:
    table = read_columns(path, [LANDMARK, IMAGES])
    landmarks = parse_integers(path, table[LANDMARK])
    row = first_bad(~table[LANDMARK].duplicated())
    if row is not None:
        raise ValueError(f"{path}, line {line_of(row)}: landmark_id {landmarks[row]} occurs twice")
    lists = [cell.split() if isinstance(cell, str) else [] for cell in table[IMAGES]]
    counts = np.array([len(ids) for ids in lists], np.int64)
    row = first_bad(counts > 0)
    if row is not None:
        raise ValueError(f"{path}, line {line_of(row)}: landmark {landmarks[row]} has no images")
    ids = pd.Series([image_id for ids in lists for image_id in ids], name=ID, dtype=str)
    return ids, np.repeat(landmarks, counts), np.repeat(np.arange(len(table)) + line_of(0), counts)


def _check_ids(path: Path | str, ids: pd.Series, lines: np.ndarray | None) -> None:
    _check_id_form(path, ids, lines)
    if surely_distinct(ids):
        return
    row = first_bad(~ids.duplicated())
    if row is not None:
        first = int((ids == ids.iloc[row]).to_numpy().argmax())
        raise ValueError(
            f"{path}, line {_line(row, lines)}: id {ids.iloc[row]!r} is already on line {_line(first, lines)}; "
            "an id may occur once"
        )


def _check_id_form(path: Path | str, ids: pd.Series, lines: np.ndarray | None) -> None:
    good = ids.str.fullmatch(ID_PATTERN).fillna(False) & (ids.str.len() <= MAX_ID_LENGTH)
    row = first_bad(good)
    if row is not None:
        raise ValueError(f"{path}, line {_line(row, lines)}: {bad_id_message(ids.iloc[row])}")


def _check_known(path: Path | str, landmarks: np.ndarray, known: Collection[int], lines: np.ndarray | None) -> None:
    row = first_bad(np.isin(landmarks, [NO_LANDMARK_ID, *known]))
    if row is not None:
        unknown = np.setdiff1d(landmarks, [NO_LANDMARK_ID, *known])
        raise ValueError(
            f"{path}, line {_line(row, lines)}: landmark {landmarks[row]} is not among the {len(known)} known "
            f"landmarks ({len(unknown)} such landmarks in the file); drop its rows or use the right labels"
        )


def _parse_scores(path: Path | str, texts: pd.Series, lines: np.ndarray) -> np.ndarray:
    # Written out instead of float(): that also takes "nan", "inf" and "1_000".
    row = first_bad(texts.str.fullmatch(_NUMBER).fillna(False))
    if row is None:
        scores = texts.astype("float64").to_numpy()
        row = first_bad(np.isfinite(scores))
        if row is None:
            return scores
    raise ValueError(f"{path}, line {lines[row]}: score {texts.iloc[row]!r} is not a finite number")


def _line(row: int, lines: np.ndarray | None) -> int:
    return line_of(row) if lines is None else int(lines[row])
