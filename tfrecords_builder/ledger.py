"""The ledger of a download: one row for each URL, in SQLite, so that a download can be killed and go on.

It lies in `.download` beside the photographs. A photograph is stored before its row says so: what a kill can lose is
the row, and the file is then found again.
"""

import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from tfrecords_builder.download_failures import DownloadFailed
from tfrecords_builder.folder_lock import hold_lock
from tfrecords_builder.photograph_files import STATE_FOLDER, StoredFile

_LEDGER = "ledger.sqlite"
_LOCK = "lock"
_LOG = "journal_mode=WAL"
_PAGE = 256
_FLUSH_ROWS = 50
_FLUSH_S = 1.0
# `wanted` is the number of the CSV file that last named the photograph: rows of earlier files are kept and left alone.
_TABLES = (
    "CREATE TABLE IF NOT EXISTS catalogues (number INTEGER PRIMARY KEY, sha256 TEXT NOT NULL, rows INTEGER NOT NULL)",
    "CREATE TABLE IF NOT EXISTS photographs (id TEXT NOT NULL, url TEXT NOT NULL, host TEXT NOT NULL, "
    "line INTEGER NOT NULL, wanted INTEGER NOT NULL, state TEXT NOT NULL DEFAULT 'pending', reason TEXT, detail TEXT, "
    "size_bytes INTEGER, sha256 TEXT)",
)
# The partial ones hold what is counted, so that counting need not read the rows.
_INDEXES = {
    "ids": "CREATE UNIQUE INDEX IF NOT EXISTS ids ON photographs (id)",
    "pending": "CREATE INDEX IF NOT EXISTS pending ON photographs (wanted, host, line) WHERE state = 'pending'",
    "failed": "CREATE INDEX IF NOT EXISTS failed ON photographs (wanted, line) WHERE state = 'failed'",
}


class Pending(NamedTuple):
    """A URL that is still to be fetched."""

    line: int
    image_id: str
    url: str


class Failed(NamedTuple):
    """A URL that gave no photograph."""

    image_id: str
    url: str
    reason: str
    detail: str


class Ledger:
    """The rows; made by `open_ledger`, which holds the folder's lock. Used by one thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._database = sqlite3.connect(path, isolation_level=None)
        self._done: list[tuple[Any, ...]] = []
        self._flushed_at = time.monotonic()
        # With a write-ahead log a kill loses no committed row; a power cut may lose the last ones, whose files remain.
        for pragma in (_LOG, "synchronous=NORMAL", "cache_size=-131072"):
            self._database.execute(f"PRAGMA {pragma}")
        with self.transaction() as database:
            for statement in (*_TABLES, *_INDEXES.values()):
                database.execute(statement)
        self.wanted = self._value("SELECT coalesce(max(number), 0) FROM catalogues")

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Yields the database; what is written in the block is written whole or not at all."""
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield self._database
            self._database.execute("COMMIT")
        except BaseException:
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")
            raise

    @contextmanager
    def bulk(self) -> Iterator[sqlite3.Connection]:
        """As `transaction`, for millions of rows into an empty ledger: its indexes are made after the block.

        Raises:
            sqlite3.IntegrityError: an id occurs twice; the ledger is empty again.
        """
        # Without the write-ahead log, through which every row would be written twice. A kill still leaves nothing
        # half-done: the journal beside the file says where it ended.
        self._database.execute("PRAGMA journal_mode=DELETE")
        try:
            with self.transaction() as database:
                for name in _INDEXES:
                    database.execute(f"DROP INDEX {name}")
                yield database
                for statement in _INDEXES.values():
                    database.execute(statement)
        finally:
            self._database.execute(f"PRAGMA {_LOG}")

    def record(self, row: Pending, outcome: StoredFile | DownloadFailed) -> None:
        """Notes what became of a URL; written with others, at the latest by `flush`."""
        if isinstance(outcome, StoredFile):
            self._done.append(("done", None, None, outcome.size_bytes, outcome.sha256, row.image_id))
        else:
            self._done.append(("failed", outcome.reason, outcome.detail, None, None, row.image_id))
        if len(self._done) >= _FLUSH_ROWS or time.monotonic() - self._flushed_at >= _FLUSH_S:
            self.flush()

    def flush(self) -> None:
        """Writes what was noted."""
        self._flushed_at = time.monotonic()
        if not self._done:
            return
        with self.transaction() as database:
            database.executemany(
                "UPDATE photographs SET state = ?, reason = ?, detail = ?, size_bytes = ?, sha256 = ? WHERE id = ?",
                self._done,
            )
        self._done.clear()

    def digest(self) -> str:
        """Returns the sha256 of the CSV file that was brought in last, or ""."""
        found = self._database.execute("SELECT sha256 FROM catalogues WHERE number = ?", (self.wanted,)).fetchone()
        return found[0] if found else ""

    def pending_hosts(self) -> list[str]:
        """Returns the hosts of the URLs that are still to be fetched, the one with the most first."""
        query = (
            "SELECT host FROM photographs WHERE state = 'pending' AND wanted = ? "
            "GROUP BY host ORDER BY count(*) DESC, host"
        )
        return [host for (host,) in self._database.execute(query, (self.wanted,))]

    def pending(self, host: str) -> Iterator[Pending]:
        """Yields a host's URLs that are still to be fetched, in the CSV's order, a page of them in memory."""
        query = (
            "SELECT line, id, url FROM photographs WHERE state = 'pending' AND host = ? AND line > ? AND wanted = ? "
            "ORDER BY line LIMIT ?"
        )
        line = 0
        while rows := self._database.execute(query, (host, line, self.wanted, _PAGE)).fetchall():
            for row in rows:
                yield Pending(*row)
            line = rows[-1][0]

    def fail_rest(self, host: str, after_line: int, failure: DownloadFailed) -> int:
        """Notes that a host's URLs beyond a line have failed without having been asked for; returns their number."""
        with self.transaction() as database:
            return database.execute(
                "UPDATE photographs SET state = 'failed', reason = ?, detail = ? "
                "WHERE state = 'pending' AND host = ? AND line > ? AND wanted = ?",
                (failure.reason, failure.detail, host, after_line, self.wanted),
            ).rowcount

    def retry(self, reasons: Sequence[str]) -> int:
        """Makes failed URLs pending again, those of some reasons or, for (), all; returns their number."""
        marks = ",".join("?" * len(reasons))
        chosen = f" AND reason IN ({marks})" if reasons else ""
        with self.transaction() as database:
            return database.execute(
                "UPDATE photographs SET state = 'pending', reason = NULL, detail = NULL "  # noqa: S608 - only marks
                f"WHERE state = 'failed' AND wanted = ?{chosen}",
                (self.wanted, *reasons),
            ).rowcount

    def done(self) -> Iterator[tuple[str, int]]:
        """Yields (id, size in bytes) of the photographs that are stored."""
        if not self.count("done"):
            return  # the question would read every row
        query = "SELECT id, size_bytes FROM photographs WHERE state = 'done' AND wanted = ?"
        yield from self._database.execute(query, (self.wanted,))

    def forget(self, ids: Iterable[str]) -> None:
        """Makes photographs pending whose files are gone."""
        with self.transaction() as database:
            database.executemany("UPDATE photographs SET state = 'pending' WHERE id = ?", ((name,) for name in ids))

    def failed(self) -> Iterator[Failed]:
        """Yields the URLs that gave no photograph, in the CSV's order."""
        query = "SELECT id, url, reason, detail FROM photographs WHERE state = 'failed' AND wanted = ? ORDER BY line"
        yield from map(Failed._make, self._database.execute(query, (self.wanted,)))

    def count(self, state: str) -> int:
        """Returns how many of the CSV's URLs are "pending", "done" or "failed"."""
        if state == "done":
            total = self._value("SELECT coalesce(max(rows), 0) FROM catalogues WHERE number = ?", self.wanted)
            return total - self.count("pending") - self.count("failed")
        # The state as text, not as a parameter: only so does SQLite see that an index holds those rows.
        chosen = {"pending": "state = 'pending'", "failed": "state = 'failed'"}[state]
        return self._value(f"SELECT count(*) FROM photographs WHERE {chosen} AND wanted = ?", self.wanted)  # noqa: S608

    def reasons(self) -> dict[str, int]:
        """Returns how many URLs failed for each reason, the most frequent first."""
        query = (
            "SELECT reason, count(*) FROM photographs WHERE state = 'failed' AND wanted = ? "
            "GROUP BY reason ORDER BY count(*) DESC, reason"
        )
        return dict(self._database.execute(query, (self.wanted,)))

    def close(self) -> None:
        """Writes what was noted and closes the file."""
        try:
            self.flush()
        finally:
            self._database.close()

    def _value(self, query: str, *values: object) -> int:
        return int(self._database.execute(query, values).fetchone()[0])


@contextmanager
def open_ledger(out: Path) -> Iterator[Ledger]:
    """Yields the ledger of a folder, which nobody else can open meanwhile; makes the folder.

    Raises:
        OSError: another download is running in the folder, or the ledger cannot be read or written.
    """
    folder = out / STATE_FOLDER
    path = folder / _LEDGER
    with hold_lock(folder / _LOCK, f"another download is running in {out}; wait for it or choose another --out"):
        try:
            ledger = Ledger(path)
            try:
                yield ledger
            finally:
                ledger.close()
        except sqlite3.Error as error:
            raise OSError(
                f"the ledger {path}: {error}. Is the disk full? If the file is damaged, delete it: photographs that "
                "are there are found again"
            ) from error
