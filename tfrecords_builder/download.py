"""Downloads the photographs of a CSV file with URLs; killed at any moment, it goes on where it was."""

import asyncio
import csv
import logging
from collections.abc import Callable, Coroutine, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from tfrecords_builder.atomic import atomic_write, forget_partials
from tfrecords_builder.download_config import DownloadConfig
from tfrecords_builder.download_failures import DownloadFailed, Failure
from tfrecords_builder.fetch import Fetcher, MemorySink
from tfrecords_builder.ledger import Failed, Ledger, Pending, open_ledger
from tfrecords_builder.ledger_import import import_urls
from tfrecords_builder.photograph_files import (
    StoredFile,
    clear_staging,
    find_photograph,
    photograph_path,
    store_photograph,
)
from tfrecords_builder.rate_limit import Clock
from tfrecords_builder.schema import DETAIL, FAILED_FILE, ID, REASON, URL
from tfrecords_builder.terminal import Progress, progress

# Writing waits for the disk, and the loop must not: sockets have deadlines.
_FILE_THREADS = 4

Result = TypeVar("Result")

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class DownloadResult:
    """What became of the URLs of a CSV file, in this run and earlier ones.

    Attributes:
        done: photographs that are there.
        reasons: failed URLs by reason, the most frequent first.
    """

    done: int
    reasons: dict[str, int]

    @property
    def failed(self) -> int:
        """URLs that gave no photograph."""
        return sum(self.reasons.values())


def download_photographs(config: DownloadConfig, *, clock: Clock | None = None) -> DownloadResult:
    """Fetches what is not there yet, writes failed.csv and returns the counts.

    Args:
        config: what to download.
        clock: the time; tests replace it.

    Raises:
        OSError: the CSV cannot be read or the folder written, or another download runs in it.
        ValueError: the CSV is not as it should be.
    """
    with open_ledger(config.out) as ledger:
        clear_staging(config.out)
        import_urls(ledger, config.csv)
        _forget_lost(ledger, config.out)
        if config.retry_failed is not None:
            logger.info("download: %d failed URLs are tried again", ledger.retry(config.retry_failed))
        pending = ledger.count("pending")
        known = ledger.count("done") + ledger.count("failed")
        with progress("download", pending + known, unit="photographs") as state:
            if known:
                logger.info("download: %d of %d URLs were finished before", known, pending + known)
            state.skip(known)
            if pending:
                run_loop(_fetch_all(config, ledger, state, clock))
        ledger.flush()
        write_failed(config.out / FAILED_FILE, ledger.failed())
        return DownloadResult(done=ledger.count("done"), reasons=ledger.reasons())


def write_failed(path: Path, failed: Iterable[Failed]) -> None:
    """Writes what gave no photograph: id, url, reason, detail."""
    # What a run left that was killed while it wrote this very file; the caller holds the folder's lock.
    forget_partials(path.parent, path.name)
    with atomic_write(path, newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow((ID, URL, REASON, DETAIL))
        writer.writerows(failed)


def _forget_lost(ledger: Ledger, out: Path) -> None:
    lost = [image_id for image_id, size in ledger.done() if not _is_there(photograph_path(out, image_id), size)]
    if lost:
        logger.warning("%d photographs are no longer as they were stored, and are fetched again", len(lost))
        ledger.forget(lost)


def _is_there(path: Path, size: int) -> bool:
    try:
        return path.stat().st_size == size
    except FileNotFoundError:
        return False


def run_loop(work: Coroutine[None, None, None]) -> None:
    """Runs `work` to its end; of several errors at once, one is raised."""
    try:
        asyncio.run(work)
    except BaseExceptionGroup as group:
        # Several workers met the same full disk, or whatever it was: one of them tells.
        error: BaseException = group
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        raise error from group


async def _fetch_all(config: DownloadConfig, ledger: Ledger, state: Progress, clock: Clock | None) -> None:
    hosts = iter(ledger.pending_hosts())
    lanes = max(1, config.fetch.concurrency // config.fetch.per_host)
    with ThreadPoolExecutor(_FILE_THREADS) as threads:
        async with Fetcher(config.fetch, clock=clock) as fetcher, asyncio.TaskGroup() as group:
            job = _Job(config, ledger, state, fetcher, threads)
            for _ in range(lanes):
                group.create_task(job.run_hosts(hosts))


@dataclass
class _Lane:
    """The URLs of one host, which its workers share.

    Attributes:
        host: the host.
        rows: what is left.
        line: of the last row that was taken.
        misses: URLs in a row for which the host could not be reached.
        is_closed: the rest has been given up.
    """

    host: str
    rows: Iterator[Pending]
    line: int = 0
    misses: int = 0
    is_closed: bool = False


class _Job:
    """Fetches the URLs of many hosts side by side, each host at its own pace."""

    def __init__(
        self, config: DownloadConfig, ledger: Ledger, state: Progress, fetcher: Fetcher, threads: ThreadPoolExecutor
    ) -> None:
        self._config, self._ledger, self._state = config, ledger, state
        self._fetcher, self._threads = fetcher, threads

    async def run_hosts(self, hosts: Iterator[str]) -> None:
        """Takes one host after the other from an iterator that several callers share."""
        for host in hosts:
            lane = _Lane(host, self._ledger.pending(host))
            async with asyncio.TaskGroup() as group:
                for _ in range(min(self._config.fetch.per_host, self._config.fetch.concurrency)):
                    group.create_task(self._drain(lane))

    async def _drain(self, lane: _Lane) -> None:
        for row in lane.rows:
            lane.line = row.line
            outcome = await self._fetch_one(row)
            self._ledger.record(row, outcome)
            self._state.advance(refused=int(isinstance(outcome, DownloadFailed)))
            self._judge(lane, outcome)
            if lane.is_closed:
                return

    async def _fetch_one(self, row: Pending) -> StoredFile | DownloadFailed:
        out = self._config.out
        # Stored by a run that was killed before it noted so, or by the user.
        if photograph_path(out, row.image_id).is_file():
            found = await self._in_thread(lambda: find_photograph(out, row.image_id, self._config.fetch.max_bytes))
            if found is not None:
                return found
        sink = MemorySink()
        try:
            await self._fetcher.fetch(row.url, row.image_id, sink)
            return await self._in_thread(lambda: store_photograph(out, row.image_id, sink.data))
        except DownloadFailed as failure:
            return failure

    def _judge(self, lane: _Lane, outcome: StoredFile | DownloadFailed) -> None:
        """Gives the rest of a host up that cannot be reached, or that asked to be left alone for long."""
        if isinstance(outcome, StoredFile):
            lane.misses = 0
            return
        lane.misses = lane.misses + 1 if outcome.is_of_the_host else 0
        if lane.is_closed:
            return
        if outcome.reason == Failure.HOST_BUSY:
            failure = outcome
        elif lane.misses >= self._config.fetch.host_failures:
            failure = DownloadFailed(Failure.HOST_DOWN, f"{lane.misses} URLs in a row could not be reached")
        else:
            return
        lane.is_closed = True
        rest = self._ledger.fail_rest(lane.host, lane.line, failure)
        self._state.advance(rest, refused=rest)
        logger.warning("download: %s is given up (%s): %d URLs are not asked for", lane.host, failure, rest)

    async def _in_thread(self, work: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)
