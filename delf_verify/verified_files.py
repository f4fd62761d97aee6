"""The files of a verification's folder, each with one writer and one reader.

- verified.csv: id,landmark_id,score,verdict,max_inliers,mean_inliers,inlier_ratio,spread,probability,images_compared,
  best_image_id,reason; a row a prediction, in their order
- verified.parquet: the same table
- reranked.csv: id,landmarks; what is left of each query's predictions, see `delf_verify.reranking`
- evidence.csv: id,landmark_id,image_id,matches,inliers,spread; one row a compared index image, landmark by landmark
- refused.csv: id,reason,detail,role; photographs that could not be read, role is query or index
- verify.json: settings, fingerprints and counts; written last, so that it vouches for the others

max_inliers, mean_inliers, inlier_ratio, spread, probability, images_compared and best_image_id are of the images that
were compared. Those are all that were chosen; only with settings.stop_early in verify.json those of a confirmed
prediction are the ones up to the image that settled it. Such a folder has the right verdicts, but is nothing to fit
probabilities or thresholds on.
"""

import csv
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from delf_verify.evidence import QueryEvidence
from delf_verify.evidence_rows import DECIMALS, Key, read_rows
from delf_verify.evidence_rows import EVIDENCE_COLUMNS as EVIDENCE_COLUMNS
from tfrecords_builder.atomic import atomic_write
from tfrecords_builder.images import ImageRefused
from tfrecords_builder.json_files import read_object, write_json
from tfrecords_builder.schema import DETAIL, ID, LANDMARK, LANDMARKS, REASON, SCORE

VERIFIED_FILE, VERIFIED_PARQUET_FILE, RERANKED_FILE = "verified.csv", "verified.parquet", "reranked.csv"
EVIDENCE_FILE, REFUSED_FILE, RECORD_FILE = "evidence.csv", "refused.csv", "verify.json"
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
# Kept with DECIMALS digits; the decision rule sees no more either.
_ROUNDED = ("mean_inliers", "inlier_ratio", "spread", "probability")
_REFUSED_COLUMNS = [ID, REASON, DETAIL, "role"]
_UNFINISHED = "unfinished"
_RECORD_HINT = "delete it and run tfland verify again"


def write_verified(folder: Path, table: pd.DataFrame) -> None:
    """Writes verified.csv; what is not known (score, inliers, probability) is left empty."""
    written = table[VERIFIED_COLUMNS].copy()
    written["max_inliers"] = [_whole(value) for value in table["max_inliers"]]
    for column in _ROUNDED:
        written[column] = [_number(round(value, DECIMALS)) for value in table[column]]
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


def write_parquet(folder: Path, table: pd.DataFrame) -> None:
    """Writes verified.parquet; what is not known is null. The same table gives the same bytes."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    kinds = dict.fromkeys(VERIFIED_COLUMNS, pa.string()) | dict.fromkeys([SCORE, *_ROUNDED], pa.float64())
    kinds |= {LANDMARK: pa.int64(), "images_compared": pa.int64(), "max_inliers": pa.int64()}
    whole = table["max_inliers"].astype("Int64")
    columns = [whole if name == "max_inliers" else table[name] for name in VERIFIED_COLUMNS]
    arrays = [
        pa.array(column, type=kinds[name], from_pandas=True)
        for name, column in zip(VERIFIED_COLUMNS, columns, strict=True)
    ]
    with atomic_write(folder / VERIFIED_PARQUET_FILE, "wb") as file:
        pq.write_table(pa.Table.from_arrays(arrays, VERIFIED_COLUMNS), file, compression="zstd")


def write_reranked(folder: Path, cells: Iterable[tuple[str, str]]) -> None:
    """Writes reranked.csv.

    Args:
        folder: of the verification.
        cells: every query and "<landmark_id> <score>", or "" where nothing is left.
    """
    _write_rows(folder / RERANKED_FILE, [ID, LANDMARKS], cells)


def write_evidence(folder: Path, texts: Iterable[str]) -> None:
    """Writes evidence.csv.

    Args:
        folder: of the verification.
        texts: rows as `delf_verify.evidence_rows.write_rows` writes them.
    """
    with atomic_write(folder / EVIDENCE_FILE, newline="") as file:
        file.write(",".join(EVIDENCE_COLUMNS) + "\n")
        file.writelines(texts)


def stream_evidence(folder: Path) -> Iterator[tuple[Key, QueryEvidence]]:
    """What evidence.csv says of every (query, landmark) that was compared with something, one after the other.

    Raises:
        OSError: there is none.
        ValueError: it is not such a table.
    """
    path = folder / EVIDENCE_FILE
    if not path.is_file():
        raise FileNotFoundError(f"no {path}; tfland verify writes it")
    with path.open(newline="", encoding="utf-8") as file:
        yield from read_rows(file, str(path))


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


def write_unfinished(folder: Path, evidence: str) -> None:
    """Marks a folder whose evidence.csv is whole and whose other files are not: `read_record` finds no record.

    Args:
        folder: of the verification.
        evidence: fingerprint of everything that evidence.csv depends on.
    """
    write_json(folder / RECORD_FILE, {_UNFINISHED: True, "evidence": evidence})


def read_evidence_fingerprint(folder: Path) -> str:
    """The fingerprint of the evidence.csv that is there; "" where there is none that anything vouches for."""
    path = folder / RECORD_FILE
    if not path.is_file() or not (folder / EVIDENCE_FILE).is_file():
        return ""
    return str(read_object(path, _RECORD_HINT).get("evidence", ""))


def read_record(folder: Path) -> dict[str, Any]:
    """The content of verify.json.

    Raises:
        OSError: there is none: the verification has not finished.
        ValueError: it is no JSON object.
    """
    path = folder / RECORD_FILE
    record = read_object(path, _RECORD_HINT) if path.is_file() else {_UNFINISHED: True}
    if _UNFINISHED in record:
        raise FileNotFoundError(
            f"{folder} holds no finished verification ({RECORD_FILE}); run tfland verify --out {folder}"
        )
    return record


def forget_record(folder: Path) -> None:
    """Removes verify.json: nothing vouches for the files any more."""
    (folder / RECORD_FILE).unlink(missing_ok=True)


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
