"""The files of a verification's folder, each with one writer and one reader.

- verified.csv: id,landmark_id,score,verdict,max_inliers,mean_inliers,inlier_ratio,spread,probability,images_compared,
  best_image_id,reason
- evidence.csv: id,landmark_id,image_id,matches,inliers,spread; one row a compared index image
- refused.csv: id,reason,detail,role; photographs that could not be read, role is query or index
- verify.json: settings, fingerprints and counts; written last, so that it vouches for the others
"""

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from delf_verify.comparison_job import Evidence
from delf_verify.evidence import ImageEvidence, QueryEvidence
from tfrecords_builder.atomic import atomic_write
from tfrecords_builder.images import ImageRefused
from tfrecords_builder.json_files import read_object, write_json
from tfrecords_builder.schema import DETAIL, ID, LANDMARK, REASON, SCORE

VERIFIED_FILE, EVIDENCE_FILE, REFUSED_FILE, RECORD_FILE = "verified.csv", "evidence.csv", "refused.csv", "verify.json"
VERIFIED_COLUMNS = [
    ID,
    LANDMARK,
    SCORE,
    "verdict",
    "max_inliers",
    "mean_inliers",
    "inlier_ratio",
    "spread",
    "probability",
    "images_compared",
    "best_image_id",
    REASON,
]
# Kept with so many digits; the decision rule sees no more either.
_DECIMALS = 6
_ROUNDED = ("mean_inliers", "inlier_ratio", "spread", "probability")
EVIDENCE_COLUMNS = [ID, LANDMARK, "image_id", "matches", "inliers", "spread"]
_REFUSED_COLUMNS = [ID, REASON, DETAIL, "role"]


def write_verified(folder: Path, table: pd.DataFrame) -> None:
    """Writes verified.csv; what is not known (score, inliers, probability) is left empty."""
    written = table[VERIFIED_COLUMNS].copy()
    written["max_inliers"] = [_whole(value) for value in table["max_inliers"]]
    for column in _ROUNDED:
        written[column] = [_number(round(value, _DECIMALS)) for value in table[column]]
    written[SCORE] = [_number(value) for value in table[SCORE]]
    _write_rows(folder / VERIFIED_FILE, VERIFIED_COLUMNS, written.to_numpy(object).tolist())


def read_verified(folder: Path) -> pd.DataFrame:
    """The table of verified.csv.

    Returns:
        Columns as in VERIFIED_COLUMNS: landmark_id int64 (-1 for none), images_compared int64, the numbers float64
        (NaN for none), the rest text.

    Raises:
        OSError: there is none.
        ValueError: it is not such a table.
    """
    path = folder / VERIFIED_FILE
    table = _read_rows(path, VERIFIED_COLUMNS, "tfland verify")
    try:
        for column in (LANDMARK, "images_compared"):
            table[column] = table[column].astype(np.int64)
        for column in (SCORE, "max_inliers", *_ROUNDED):
            table[column] = table[column].replace("", "nan").astype(np.float64)
    except ValueError as error:
        raise ValueError(f"{path} is damaged: {error}; run tfland verify again") from error
    return table


def write_evidence(folder: Path, evidence: Evidence, order: pd.DataFrame) -> None:
    """Writes evidence.csv in the order of the predictions."""
    rows = (
        (query, landmark, image.image_id, image.num_putative, image.num_inliers, image.spread)
        for query, landmark in zip(order[ID], order[LANDMARK], strict=True)
        for image in evidence[query, landmark].images
    )
    _write_rows(folder / EVIDENCE_FILE, EVIDENCE_COLUMNS, rows)


def read_evidence(folder: Path) -> Evidence:
    """What evidence.csv says of every (query, landmark) that was compared with something.

    Raises:
        OSError: there is none.
        ValueError: it is not such a table.
    """
    table = _read_rows(folder / EVIDENCE_FILE, EVIDENCE_COLUMNS, "tfland verify")
    found: dict[tuple[str, int], list[ImageEvidence]] = {}
    for query, landmark, image_id, matches, inliers, spread in table.to_numpy(object).tolist():
        image = ImageEvidence(image_id, int(matches), int(inliers), float(spread))
        found.setdefault((query, int(landmark)), []).append(image)
    return {key: QueryEvidence.of(tuple(images)) for key, images in found.items()}


def write_refused(folder: Path, refused: Mapping[str, Mapping[str, ImageRefused]]) -> None:
    """Writes refused.csv.

    Args:
        folder: of the verification.
        refused: role -> id -> why.
    """
    rows = (
        (image_id, refusal.reason.value, refusal.detail, role)
        for role, by_id in refused.items()
        for image_id, refusal in sorted(by_id.items())
    )
    _write_rows(folder / REFUSED_FILE, _REFUSED_COLUMNS, rows)


def read_refused(folder: Path) -> pd.DataFrame:
    """The table of refused.csv: columns id, reason, detail and role, as text.

    Raises:
        OSError: there is none.
        ValueError: it is not such a table.
    """
    return _read_rows(folder / REFUSED_FILE, _REFUSED_COLUMNS, "tfland verify")


def write_record(folder: Path, record: Mapping[str, Any]) -> None:
    """Writes verify.json."""
    write_json(folder / RECORD_FILE, record)


def read_record(folder: Path) -> dict[str, Any]:
    """The content of verify.json.

    Raises:
        OSError: there is none: the verification has not finished.
        ValueError: it is no JSON object.
    """
    path = folder / RECORD_FILE
    if not path.is_file():
        raise FileNotFoundError(f"no {path}: {folder} holds no finished verification; run tfland verify --out {folder}")
    return read_object(path, "delete it and run tfland verify again")


def place_of(path: Path, folder: Path) -> str:
    """A path as verify.json keeps it: relative to the verification's folder if it lies within, else absolute.

    `folder / place_of(path, folder)` is the path again, also after the folder has been moved.
    """
    path, folder = path.resolve(), folder.resolve()
    return str(path.relative_to(folder) if path.is_relative_to(folder) else path)


def _whole(value: float) -> str:
    return "" if np.isnan(value) else str(int(value))


def _number(value: float) -> str:
    return "" if np.isnan(value) else repr(float(value))


def _write_rows(path: Path, header: list[str], rows: Any) -> None:
    with atomic_write(path, newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def _read_rows(path: Path, columns: list[str], maker: str) -> pd.DataFrame:
    if not path.is_file():
        raise FileNotFoundError(f"no {path}; {maker} writes it")
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is damaged: {error}; run {maker} again") from error
    if list(table.columns) != columns:
        raise ValueError(f"{path} has the columns {list(table.columns)}, expected {columns}: is it made by {maker}?")
    return table
