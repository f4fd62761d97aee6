"""Brings the URLs of a CSV file into the ledger."""

import hashlib
import logging
import sqlite3
from itertools import islice
from pathlib import Path

from tfrecords_builder.download_failures import DownloadFailed
from tfrecords_builder.ledger import Ledger
from tfrecords_builder.url_table import UrlRow, host_of, read_urls

_BATCH = 5000
# A URL that was corrected in the file is asked for; a photograph that is there keeps its row.
_UPSERT = """
INSERT INTO photographs (id, url, host, line, wanted, state, reason, detail) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET line = excluded.line, wanted = excluded.wanted, url = excluded.url,
    host = excluded.host,
    state = CASE WHEN url = excluded.url THEN state WHEN state = 'done' THEN 'clash' ELSE excluded.state END,
    reason = CASE WHEN url = excluded.url THEN reason ELSE excluded.reason END,
    detail = CASE WHEN url = excluded.url THEN detail ELSE excluded.detail END
"""

logger = logging.getLogger(__name__)


def import_urls(ledger: Ledger, path: Path) -> None:
    """Makes the ledger that of a CSV file's URLs; what it knows of them already is kept.

    Raises:
        OSError: the file cannot be read.
        ValueError: the file is not as it should be, names an id twice, or gives another URL for a photograph that is
            stored already. The ledger is then unchanged.
    """
    digest = _sha256(path)
    with ledger.transaction() as database:
        latest = database.execute("SELECT sha256 FROM catalogues WHERE number = ?", (ledger.wanted,)).fetchone()
        if latest == (digest,):
            return
        number = ledger.wanted + 1
        rows = read_urls(path)
        total = 0
        while batch := list(islice(rows, _BATCH)):
            database.executemany(_UPSERT, (_values(row, number) for row in batch))
            total += len(batch)
        if not total:
            raise ValueError(f"{path} has a header and no rows")
        _refuse_repeated(database, path, number, total)
        _refuse_other_urls(database, path)
        database.execute("INSERT INTO catalogues VALUES (?, ?, ?)", (number, digest, total))
    ledger.wanted = number
    logger.info("%s: %d URLs are in the ledger", path, total)


def _values(row: UrlRow, number: int) -> tuple[object, ...]:
    try:
        return row.image_id, row.url, host_of(row.url), row.line, number, "pending", None, None
    except DownloadFailed as failure:
        return row.image_id, row.url, "", row.line, number, "failed", failure.reason, failure.detail


def _refuse_repeated(database: sqlite3.Connection, path: Path, number: int, total: int) -> None:
    if database.execute("SELECT count(*) FROM photographs WHERE wanted = ?", (number,)).fetchone() == (total,):
        return
    # The last of equal ids has left its line in the ledger; reading the file again finds the first.
    for row in read_urls(path):
        (line,) = database.execute("SELECT line FROM photographs WHERE id = ?", (row.image_id,)).fetchone()
        if line != row.line:
            raise ValueError(
                f"{path}, line {line}: id {row.image_id!r} is already on line {row.line}; an id may occur once"
            )


def _refuse_other_urls(database: sqlite3.Connection, path: Path) -> None:
    found = database.execute("SELECT line, id FROM photographs WHERE state = 'clash' ORDER BY line").fetchone()
    if found:
        raise ValueError(
            f"{path}, line {found[0]}: {found[1]!r} was downloaded from another URL by an earlier run; "
            "choose another --out"
        )


def _sha256(path: Path) -> str:
    if not path.is_file():
        raise FileNotFoundError(f"no CSV file at {path}")
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
