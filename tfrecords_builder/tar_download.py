"""Downloads GLDv2's tar archives, checks their MD5 and stores their photographs; only bad ones are fetched again.

A transfer that broke off goes on where it was, in this run or the next.
"""

import asyncio
import hashlib
import logging
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from tfrecords_builder.archive_ledger import ArchiveLedger
from tfrecords_builder.download import DownloadResult, run_loop, write_failed
from tfrecords_builder.download_config import FetchConfig
from tfrecords_builder.download_failures import DownloadFailed, Failure
from tfrecords_builder.fetch import Fetcher, MemorySink
from tfrecords_builder.ledger import Failed, open_ledger
from tfrecords_builder.partial_file import PartialFile
from tfrecords_builder.photograph_files import STATE_FOLDER, clear_staging
from tfrecords_builder.rate_limit import Clock
from tfrecords_builder.schema import FAILED_FILE
from tfrecords_builder.tar_archives import MAX_NUMBER, archive_name, extract, md5_name, parse_md5
from tfrecords_builder.terminal import progress

# GLDv2's archives hold about a gigabyte each.
_MAX_ARCHIVE_BYTES = 8 * 1024**3
_ARCHIVE_S = 6 * 3600.0
_MAX_MD5_BYTES = 4096
_ARCHIVES = "archives"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class TarConfig:
    """Which archives to fetch, from where, to where.

    Attributes:
        archives: URL of the folder with images_000.tar …, or a folder on disk.
        md5: URL of the folder with md5.images_000.txt …, or a folder on disk.
        first: number of the first archive.
        last: number of the last one.
        out: folder of the photographs.
        fetch: how servers are asked; `max_bytes` is that of a photograph.
    """

    archives: str
    md5: str
    first: int
    last: int
    out: Path
    fetch: FetchConfig

    def __post_init__(self) -> None:
        if not 0 <= self.first <= self.last <= MAX_NUMBER:
            raise ValueError(f"archives {self.first}-{self.last}: need 0 <= first <= last <= {MAX_NUMBER}")
        for name in ("archives", "md5"):
            if not is_url(getattr(self, name)) and not Path(getattr(self, name)).is_dir():
                raise FileNotFoundError(f"{name}: {getattr(self, name)} is neither an http(s) URL nor a folder")

    @property
    def names(self) -> list[str]:
        """The archives' names."""
        return [archive_name(number) for number in range(self.first, self.last + 1)]


def is_url(text: str) -> bool:
    """Whether a source is on a server rather than on disk."""
    return text.startswith(("http://", "https://"))


def download_archives(config: TarConfig, *, clock: Clock | None = None) -> DownloadResult:
    """Fetches and extracts what is not done yet, writes failed.csv and returns the counts.

    Raises:
        OSError: the folder cannot be written, or another download runs in it.
    """
    with open_ledger(config.out) as ledger:
        clear_staging(config.out)
        rows = ArchiveLedger(ledger)
        missing = [name for name in config.names if not rows.is_done(name)]
        known = len(config.names) - len(missing)
        with progress("download", len(config.names), unit="archives") as state:
            if known:
                logger.info("download: %d of %d archives were finished before", known, len(config.names))
            state.skip(known)

            async def work() -> None:
                waiting = iter(missing)
                fetch = replace(config.fetch, max_bytes=_MAX_ARCHIVE_BYTES, total_s=_ARCHIVE_S)
                async with Fetcher(fetch, clock=clock) as fetcher, asyncio.TaskGroup() as group:
                    for _ in range(config.fetch.per_host):
                        group.create_task(_Job(config, rows, fetcher).run(waiting, state.advance))

            run_loop(work())
        failed = list(rows.failed(config.names))
        write_failed(config.out / FAILED_FILE, failed)
        return DownloadResult(done=rows.photographs(config.names), reasons=_count(failed))


def _count(failed: list[Failed]) -> dict[str, int]:
    counts = Counter(row.reason for row in failed)
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


class _Job:
    def __init__(self, config: TarConfig, rows: ArchiveLedger, fetcher: Fetcher) -> None:
        self._config, self._rows, self._fetcher = config, rows, fetcher
        self._folder = config.out / STATE_FOLDER / _ARCHIVES

    async def run(self, names: Iterator[str], advance: Callable[..., None]) -> None:
        """Takes one archive after the other from an iterator that several callers share."""
        for name in names:
            url = f"{self._config.archives.rstrip('/')}/{name}"
            try:
                md5 = parse_md5(await self._read_md5(name), name)
                archive = await self._fetch(name, url, md5)
                extracted = await asyncio.to_thread(extract, archive, self._config.out, self._config.fetch.max_bytes)
            except DownloadFailed as failure:
                self._rows.fail(name, url, failure)
                advance(refused=1)
                continue
            self._rows.finish(name, url, md5, extracted)
            if is_url(self._config.archives):
                archive.unlink()
            advance(refused=int(bool(extracted.refused)))

    async def _read_md5(self, name: str) -> str:
        source = self._config.md5
        if not is_url(source):
            path = Path(source) / md5_name(name)
            if not path.is_file():
                raise DownloadFailed(Failure.NO_MD5, f"no {path.name} in the folder of MD5 files")
            return path.read_bytes()[:_MAX_MD5_BYTES].decode("ascii", "replace")
        sink = MemorySink()
        await self._fetcher.fetch(f"{source.rstrip('/')}/{md5_name(name)}", name, sink)
        return sink.data[:_MAX_MD5_BYTES].decode("ascii", "replace")

    async def _fetch(self, name: str, url: str, md5: str) -> Path:
        """Returns an archive on disk whose MD5 is right."""
        if not is_url(self._config.archives):
            path = Path(self._config.archives) / name
            if not path.is_file():
                raise DownloadFailed(Failure.NOT_A_TAR, f"no {name} in the folder of archives")
            return await asyncio.to_thread(_check, path, md5)
        path = self._folder / name
        # There, if a run was killed while it extracted it.
        if not path.is_file():
            partial = path.with_suffix(".partial")
            with PartialFile(partial, url) as file:
                if not file.is_whole:
                    await self._fetcher.fetch(url, name, file)
            partial.replace(path)
            file.remove()
        try:
            return await asyncio.to_thread(_check, path, md5)
        except DownloadFailed:
            path.unlink()
            raise


def _check(path: Path, md5: str) -> Path:
    with path.open("rb") as file:
        found = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    if found != md5:
        raise DownloadFailed(Failure.WRONG_MD5, f"{path.stat().st_size} bytes with MD5 {found}, expected {md5}")
    return path
