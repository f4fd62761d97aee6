"""Fetches one URL by all the rules: public addresses only, deadlines, sizes, redirects, robots, retries.

Proxies of the environment are not used: behind one, the address that is connected to could not be checked.
"""

import asyncio
import functools
import re
import socket
from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import Protocol, Self
from urllib.parse import urljoin

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from tfrecords_builder.address_guard import AddressGuard, AddressInfo
from tfrecords_builder.content_coding import Decoder
from tfrecords_builder.download_config import FetchConfig
from tfrecords_builder.download_failures import DownloadFailed, Failure, http_reason
from tfrecords_builder.fetch_errors import as_failure
from tfrecords_builder.rate_limit import Clock, HostGates, backoff_s, parse_retry_after
from tfrecords_builder.robots_header import forbids_training
from tfrecords_builder.url_table import host_of

Lookup = Callable[[str, int, socket.AddressFamily], Awaitable[list[AddressInfo]]]

_OK = 200
# Part of the body; no such part.
_RANGE_ANSWERS = (206, 416)
_TOO_MANY_REQUESTS = 429
_REDIRECTS = (301, 302, 303, 307, 308)
_DNS_CACHE_S = 300
# A photograph's bytes wait here until they are taken; the socket is stopped where there are more.
_READ_BUFFER = 256 * 1024
# Bytes that a URL may hold as they are; signed URLs must not be written in another way.
_CLEAN_URL = re.compile(r"[!-~]+")


class Sink(Protocol):
    """Takes the bytes of a body."""

    def request_headers(self) -> Mapping[str, str]:
        """Returns what is added to a request: Range and If-Range, if the body's beginning is there already."""

    def begin(self, status: int, headers: Mapping[str, str]) -> int:
        """Called before the first piece of a response; returns how many bytes of the body are there already.

        Args:
            status: 200; and after a request with Range also 206 or 416.
            headers: of the response.

        Raises:
            DownloadFailed: the response does not go on where the body ends.
        """

    async def add(self, piece: bytes) -> None:
        """Called for every piece."""


class MemorySink:
    """Keeps a body in memory."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    @property
    def data(self) -> bytes:
        """The bytes so far."""
        # Joined once: a buffer that grows is copied again and again.
        return b"".join(self._pieces)

    def request_headers(self) -> dict[str, str]:
        """Asks for the whole body."""
        return {}

    def begin(self, status: int, headers: Mapping[str, str]) -> int:
        """Forgets what came before."""
        self._pieces.clear()
        return 0

    async def add(self, piece: bytes) -> None:
        """Appends a piece."""
        self._pieces.append(piece)


class Fetcher:
    """Fetches URLs; an asynchronous context.

    Args:
        config: how servers are asked.
        clock: the time.
        lookup: replaces the system's name service.
    """

    def __init__(self, config: FetchConfig, *, clock: Clock | None = None, lookup: Lookup | None = None) -> None:
        self._config = config
        self._clock = clock or Clock()
        self._gates = HostGates(config.rate, config.per_host, self._clock)
        self._guard = AddressGuard(config.private_networks)
        self._lookup = lookup or _system_lookup

    async def __aenter__(self) -> Self:
        config = self._config
        connector = aiohttp.TCPConnector(
            limit=config.concurrency,
            resolver=_PublicResolver(self._guard, self._lookup),
            socket_factory=self._guard.make_socket,
            ttl_dns_cache=_DNS_CACHE_S,
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            # Identity: photographs do not shrink, and a server that compresses all the same is held to the size limit.
            headers={"User-Agent": config.user_agent, "Accept-Encoding": "identity"},
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(total=None, connect=config.connect_s, sock_read=config.read_s),
            read_bufsize=_READ_BUFFER,
            middlewares=(_ask_once,),
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def fetch(self, url: str, key: str, sink: Sink) -> None:
        """Writes a URL's body into `sink`.

        Args:
            url: what to fetch.
            key: its jitter's seed, such as the photograph's id.
            sink: takes the body.

        Raises:
            DownloadFailed: there is no body, after as many attempts as the fault deserves.
        """
        config = self._config
        for attempt in range(1, config.attempts + 1):
            pause = functools.partial(
                backoff_s, attempt, first_s=config.backoff_s, longest_s=config.max_wait_s, seed=config.seed, key=key
            )
            try:
                return await self._follow(url, pause, sink)
            except DownloadFailed as failure:
                if not failure.is_transient or attempt == config.attempts:
                    raise
            await self._clock.sleep(pause())
        raise RuntimeError("the last attempt returned nothing and raised nothing")

    async def _follow(self, url: str, pause: Callable[[], float], sink: Sink) -> None:
        for _ in range(self._config.max_redirects + 1):
            gate = self._gates.of(host_of(url))
            async with gate.slot():
                try:
                    location = await self._ask(url, sink)
                except DownloadFailed as failure:
                    asked = failure.retry_after_s
                    if asked is not None and asked > self._config.max_wait_s:
                        raise DownloadFailed(
                            Failure.HOST_BUSY, f"{failure.reason}: the server asked for a pause longer than max_wait_s"
                        ) from failure
                    if asked is not None or failure.reason == http_reason(_TOO_MANY_REQUESTS):
                        # The pause is the host's, not this URL's: the others would only be told the same.
                        gate.pause(pause() if asked is None else asked)
                    raise
            if location is None:
                return
            url = urljoin(url, location)
        raise DownloadFailed(Failure.TOO_MANY_REDIRECTS, f"more than {self._config.max_redirects}")

    async def _ask(self, url: str, sink: Sink) -> str | None:
        """Makes one request; returns where it was redirected to, or None if `sink` has the body."""
        asked = sink.request_headers()
        usable = (_OK, *_RANGE_ANSWERS) if asked else (_OK,)
        try:
            async with (
                asyncio.timeout(self._config.total_s),
                self._session.get(_as_url(url), headers=asked, allow_redirects=False) as response,
            ):
                directive = forbids_training(response.headers.getall("X-Robots-Tag", ()))
                if directive is not None:
                    raise DownloadFailed(Failure.ROBOTS, f"X-Robots-Tag: {directive}")
                if response.status in _REDIRECTS and "Location" in response.headers:
                    return response.headers["Location"]
                if response.status not in usable:
                    raise DownloadFailed(
                        http_reason(response.status),
                        response.reason or "",
                        retry_after_s=parse_retry_after(response.headers.get("Retry-After")),
                    )
                await self._read(response, sink)
                return None
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise as_failure(error) from error

    async def _read(self, response: aiohttp.ClientResponse, sink: Sink) -> None:
        limit = self._config.max_bytes
        announced = response.content_length or 0
        if announced > limit:
            raise DownloadFailed(Failure.TOO_LARGE, f"{announced} bytes announced, the limit is {limit}")
        decoder = Decoder(response.headers.get("Content-Encoding", ""))
        size = sink.begin(response.status, response.headers)
        async for chunk in response.content.iter_any():
            # One byte more than may come: enough to see that there is too much.
            piece = decoder.decode(chunk, limit - size + 1)
            size += len(piece)
            if size > limit:
                raise DownloadFailed(Failure.TOO_LARGE, f"more than {limit} bytes")
            await sink.add(piece)
        decoder.finish()


async def _ask_once(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Lets a request fail where a connection that was kept open turns out to be closed.

    aiohttp would at once ask a second time by itself, past the host's pace and the count of attempts; an error that is
    not its own it lets through.
    """
    try:
        return await handler(request)
    except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as error:
        raise as_failure(error) from error


class _PublicResolver(AbstractResolver):
    """Looks names up and refuses those that lead to an address that is not public."""

    def __init__(self, guard: AddressGuard, lookup: Lookup) -> None:
        self._guard, self._lookup = guard, lookup

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Returns the addresses of a name.

        Raises:
            OSError: there are none, or (BlockedAddress) one of them is not public.
        """
        results: list[ResolveResult] = []
        for kind, _, protocol, _, place in await self._lookup(host, port, family):
            address = str(place[0])
            # The socket is checked as well; here every address must do, so that no answer is a matter of luck.
            self._check(address)
            results.append(
                {
                    "hostname": host,
                    "host": address,
                    "port": port,
                    "family": kind,
                    "proto": protocol,
                    "flags": socket.AI_NUMERICHOST,
                }
            )
        if not results:
            raise OSError(f"no address for {host}")
        return results

    def _check(self, address: str) -> None:
        self._guard.require_public(address)

    async def close(self) -> None:
        """Nothing to close."""


async def _system_lookup(host: str, port: int, family: socket.AddressFamily) -> list[AddressInfo]:
    loop = asyncio.get_running_loop()
    return await loop.getaddrinfo(  # type: ignore[return-value]
        host, port, family=family, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG
    )


def _as_url(url: str) -> URL:
    return URL(url, encoded=_CLEAN_URL.fullmatch(url) is not None)
