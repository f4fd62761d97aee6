"""CSVs of pairs of photographs: which ones to match, and how they matched.

- pairs: a,b and, where they are labelled, same (1 or 0); further columns are left alone
- scores: a,b,matches,inliers,probability; a row a pair, in the pairs' order; no numbers where a photograph was refused
- refused: id,reason,detail; the photographs, by their paths
"""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd

from tfrecords_builder.atomic import atomic_write
from tfrecords_builder.images import ImageRefused
from tfrecords_builder.schema import DETAIL, ID, REASON

SCORE_COLUMNS = ["a", "b", "matches", "inliers", "probability"]
_PROBABILITY_DIGITS = 6

Pair = tuple[str, str]


def read_pairs(path: Path, *, within: bool) -> list[Pair]:
    """The pairs of a CSV with the columns a and b (paths of photographs), in its order.

    A pair may occur twice, and both may be one photograph.

    Args:
        path: of the CSV.
        within: a path that leads out of the photographs' folder is refused.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is no such CSV, or a path is refused.
    """
    return [(first, second) for _, (first, second) in _rows(path, ["a", "b"], within)]


def find_root(path: Path, pairs: Iterable[Pair]) -> Path:
    """The folder that the relative paths of a list start from, where nobody named one.

    That of the CSV; or the working directory, where the first relative path leads to a file from there alone.

    Args:
        path: of the CSV.
        pairs: its content.
    """
    relative = next((name for pair in pairs for name in pair if not PurePosixPath(name).is_absolute()), "")
    return Path.cwd() if not (path.parent / relative).exists() and Path(relative).is_file() else path.parent


def read_labelled_pairs(path: Path, *, within: bool) -> pd.DataFrame:
    """The pairs of a CSV with the columns a, b (paths of photographs) and same (1 or 0).

    Args:
        path: of the CSV.
        within: a path that leads out of the photographs' folder is refused.

    Returns:
        Columns a and b (text) and same (bool).

    Raises:
        OSError: the file cannot be read.
        ValueError: a column is missing, a path is refused, or `same` is neither 0 nor 1.
    """
    rows = []
    for line, (first, second, same) in _rows(path, ["a", "b", "same"], within):
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


def _rows(path: Path, columns: list[str], within: bool) -> Iterator[tuple[int, list[str]]]:
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
                    _check_path(name, within, f"{path}, line {reader.line_num}")
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


def _check_path(name: str, within: bool, where: str) -> None:
    parts = PurePosixPath(name).parts
    if "\0" in name or not parts:
        raise ValueError(f"{where}: {name!r} must be the path of a photograph")
    if within and (PurePosixPath(name).is_absolute() or ".." in parts):
        raise ValueError(f"{where}: {name!r} must be a path within the photographs' folder")
