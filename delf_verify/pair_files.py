"""CSVs of pairs of photographs: which ones to match, and how they matched.

- pairs: a,b and, where they are labelled, same (1 or 0); further columns are left alone
- scores: a,b,matches,inliers,probability; a row a pair, in the pairs' order; no numbers where a photograph was refused
- refused: id,reason,detail; the photographs, by their paths
"""

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd

from tfrecords_builder.atomic import atomic_write
from tfrecords_builder.images import ImageRefused
from tfrecords_builder.schema import DETAIL, ID, REASON

SCORE_COLUMNS = ["a", "b", "matches", "inliers", "probability"]
_PROBABILITY_DIGITS = 6

Pair = tuple[str, str]


def read_pairs(path: Path) -> list[Pair]:
    """The pairs of a CSV with the columns a and b (photographs, relative to one folder), in its order.

    A pair may occur twice, and both may be one photograph.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is no such CSV, or a path leads out of the folder.
    """
    return [(first, second) for _, (first, second) in _rows(path, ["a", "b"])]


def read_labelled_pairs(path: Path) -> pd.DataFrame:
    """The pairs of a CSV with the columns a, b (photographs, relative to one folder) and same (1 or 0).

    Returns:
        Columns a and b (text) and same (bool).

    Raises:
        OSError: the file cannot be read.
        ValueError: a column is missing, a path leads out of the folder, or `same` is neither 0 nor 1.
    """
    rows = []
    for line, (first, second, same) in _rows(path, ["a", "b", "same"]):
        if same not in ("0", "1"):
            raise ValueError(f"{path}, line {line}: same is {same!r}, expected 1 or 0")
        rows.append((first, second, same == "1"))
    table = pd.DataFrame(rows, columns=["a", "b", "same"])
    return table.astype({"a": object, "b": object, "same": bool})


def write_scores(path: Path, pairs: Sequence[Pair], scores: Mapping[Pair, Sequence[float]]) -> None:
    """Writes scores.csv, whole or not at all.

    Args:
        path: the file.
        pairs: as they were read.
        scores: matches, inliers and probability of every pair that could be matched; NaN is left empty.
    """
    with atomic_write(path, newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(SCORE_COLUMNS)
        for pair in pairs:
            matches, inliers, probability = scores.get(pair, (np.nan,) * 3)
            counts = ("" if np.isnan(count) else int(count) for count in (matches, inliers))
            chance = "" if np.isnan(probability) else repr(round(float(probability), _PROBABILITY_DIGITS))
            writer.writerow((*pair, *counts, chance))


def write_refused(path: Path, refused: Mapping[str, ImageRefused]) -> None:
    """Writes the photographs that were refused, by path; the header alone where there are none."""
    with atomic_write(path, newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow((ID, REASON, DETAIL))
        writer.writerows((name, refused[name].reason.value, refused[name].detail) for name in sorted(refused))


def _rows(path: Path, columns: list[str]) -> Iterator[tuple[int, list[str]]]:
    """Line number and the named columns, the first two of which are paths, of every row."""
    if not path.is_file():
        raise FileNotFoundError(f"no CSV file at {path}")
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, strict=True)
            header = next(reader, [])
            places = _places(path, header, columns)
            for row in reader:
                if not row:
                    continue
                if len(row) != len(header):
                    raise ValueError(
                        f"{path}, line {reader.line_num}: {len(row)} cells under {len(header)} columns: {row[:5]}"
                    )
                cells = [row[place] for place in places]
                for name in cells[:2]:
                    _check_path(name, f"{path}, line {reader.line_num}")
                yield reader.line_num, cells
    except (csv.Error, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is no CSV file: {error}") from error


def _places(path: Path, header: list[str], columns: list[str]) -> list[int]:
    if not header:
        raise ValueError(f"{path} is no CSV file: it is empty; expected the columns {','.join(columns)}")
    if missing := [column for column in columns if column not in header]:
        raise ValueError(f"{path} lacks the columns {missing}; it has {header}, expected {','.join(columns)}")
    if twice := [column for column in columns if header.count(column) > 1]:
        raise ValueError(f"{path} has the columns {twice} more than once: {header}")
    return [header.index(column) for column in columns]


def _check_path(name: str, where: str) -> None:
    parts = PurePosixPath(name).parts
    if not name or "\0" in name or PurePosixPath(name).is_absolute() or ".." in parts or not parts:
        raise ValueError(f"{where}: {name!r} must be a path within the photographs' folder")
