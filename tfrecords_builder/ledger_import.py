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
_UNLESS_KNOWN = """
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
    if ledger.digest() == digest:
        return
    number = ledger.wanted + 1
    if number == 1:
        total = _import_first(ledger, path, number, digest)
    else:
        with ledger.transaction() as database:
            total = _insert(database, _UNLESS_KNOWN, path, number, digest)
            _refuse_repeated(database, path, number, total)
            _refuse_other_urls(database, path)
    ledger.wanted = number
    logger.info("%s: %d URLs are in the ledger", path, total)


def _import_first(ledger: Ledger, path: Path, number: int, digest: str) -> int:
    """Fills an empty ledger: in the file's order, which costs a fraction of keeping millions of random ids sorted."""
    try:
        with ledger.bulk() as database:
            return _insert(database, "", path, number, digest)
    except sqlite3.IntegrityError as error:
        seen: dict[str, int] = {}
        for row in read_urls(path):
            first = seen.setdefault(row.image_id, row.line)
            if first != row.line:
                raise _repeated(path, row.image_id, row.line, first) from error
        raise


def _insert(database: sqlite3.Connection, otherwise: str, path: Path, number: int, digest: str) -> int:
    """Writes a file's rows; `otherwise` says what becomes of ids that are known. Returns their number."""
    # The number stands in the statement: a value that is bound for each row takes as long as the row's id.
    good = f"(id, url, host, line, wanted) VALUES (?, ?, ?, ?, {number})"
    bad = f"(id, url, host, line, reason, detail, state, wanted) VALUES (?, ?, '', ?, ?, ?, 'failed', {number})"
    rows = read_urls(path)
    total = 0
    while batch := list(islice(rows, _BATCH)):
        total += len(batch)
        hosts, failures = _hosts(batch)
        for columns, values in ((good, hosts), (bad, failures)):
            database.executemany(f"INSERT INTO photographs {columns} {otherwise}", values)
    if not total:
        raise ValueError(f"{path} has a header and no rows")
    database.execute("INSERT INTO catalogues VALUES (?, ?, ?)", (number, digest, total))
    return total


def _hosts(rows: list[UrlRow]) -> tuple[list[tuple[object, ...]], list[tuple[object, ...]]]:
    """Returns (id, url, host, line) of rows that can be asked for, (id, url, line, reason, detail) of others."""
    good: list[tuple[object, ...]] = []
    bad: list[tuple[object, ...]] = []
    for line, image_id, url in rows:
        try:
            good.append((image_id, url, host_of(url), line))
        except DownloadFailed as failure:
            bad.append((image_id, url, line, failure.reason, failure.detail))
    return good, bad


def _refuse_repeated(database: sqlite3.Connection, path: Path, number: int, total: int) -> None:
    if database.execute("SELECT count(*) FROM photographs WHERE wanted = ?", (number,)).fetchone() == (total,):
        return
    # The last of equal ids has left its line in the ledger; reading the file again finds the first.
    for row in read_urls(path):
        (line,) = database.execute("SELECT line FROM photographs WHERE id = ?", (row.image_id,)).fetchone()
        if line != row.line:
            raise _repeated(path, row.image_id, line, row.line)


def _repeated(path: Path, image_id: str, line: int, first: int) -> ValueError:
    return ValueError(f"{path}, line {line}: id {image_id!r} is already on line {first}; an id may occur once")


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
