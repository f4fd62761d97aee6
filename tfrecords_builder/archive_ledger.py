"""The rows of archives in a download's ledger: which are extracted, which failed and why."""

from collections.abc import Iterator, Sequence

from tfrecords_builder.download_failures import DownloadFailed
from tfrecords_builder.ledger import Failed, Ledger
from tfrecords_builder.tar_archives import Extracted

_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS archives (name TEXT PRIMARY KEY, url TEXT NOT NULL, md5 TEXT, state TEXT NOT NULL, "
    "reason TEXT, detail TEXT, photographs INTEGER NOT NULL DEFAULT 0)",
    "CREATE TABLE IF NOT EXISTS members (archive TEXT NOT NULL, name TEXT NOT NULL, reason TEXT NOT NULL, "
    "detail TEXT NOT NULL)",
)


class ArchiveLedger:
    """The archives' rows of a ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        with ledger.transaction() as database:
            for table in _SCHEMA:
                database.execute(table)

    def is_done(self, name: str) -> bool:
        """Whether an archive's photographs have been stored."""
        with self._ledger.transaction() as database:
            return database.execute("SELECT 1 FROM archives WHERE name = ? AND state = 'done'", (name,)).fetchone() == (
                1,
            )

    def finish(self, name: str, url: str, md5: str, extracted: Extracted) -> None:
        """Notes that an archive's photographs have been stored."""
        rows = [(name, member.name, member.reason, member.detail) for member in extracted.refused]
        with self._ledger.transaction() as database:
            database.execute("DELETE FROM members WHERE archive = ?", (name,))
            database.executemany("INSERT INTO members VALUES (?, ?, ?, ?)", rows)
            database.execute(
                "REPLACE INTO archives VALUES (?, ?, ?, 'done', NULL, NULL, ?)", (name, url, md5, extracted.photographs)
            )

    def fail(self, name: str, url: str, failure: DownloadFailed) -> None:
        """Notes that an archive could not be had; the next run asks for it again."""
        with self._ledger.transaction() as database:
            database.execute(
                "REPLACE INTO archives VALUES (?, ?, NULL, 'failed', ?, ?, 0)",
                (name, url, failure.reason, failure.detail),
            )

    def photographs(self, names: Sequence[str]) -> int:
        """Returns how many photographs some archives held."""
        return sum(count for _, count in self._select("SELECT name, photographs FROM archives", names))

    def failed(self, names: Sequence[str]) -> Iterator[Failed]:
        """Yields what could not be had of some archives: whole ones, and members."""
        whole = "SELECT name, name, url, reason, detail FROM archives WHERE state = 'failed' ORDER BY name"
        members = (
            "SELECT archive, m.name, url, m.reason, m.detail FROM members m JOIN archives a ON a.name = archive "
            "ORDER BY m.rowid"
        )
        for _, *row in [*self._select(whole, names), *sorted(self._select(members, names))]:
            yield Failed._make(row)

    def _select(self, query: str, names: Sequence[str]) -> list[tuple]:
        chosen = set(names)
        with self._ledger.transaction() as database:
            return [row for row in database.execute(query) if row[0] in chosen]
