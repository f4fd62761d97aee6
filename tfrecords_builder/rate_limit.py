"""How often a host may be asked: a token bucket and a limit of connections for each, back-off, Retry-After."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from hashlib import blake2b

_MAX_GATES = 4096
_JITTER_BITS = 64


class Clock:
    """The time; tests replace it by one that does not pass."""

    def now(self) -> float:
        """Seconds since some moment."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Waits."""
        await asyncio.sleep(seconds)


class HostGate:
    """Lets requests to one host through: so many a second, so many at a time.

    Args:
        rate: tokens per second; a request takes one.
        per_host: requests at a time, and the size of the bucket.
        clock: the time.
    """

    def __init__(self, rate: float, per_host: int, clock: Clock) -> None:
        self._rate, self._burst, self._clock = rate, float(per_host), clock
        self._slots = asyncio.Semaphore(per_host)
        # First come, first served; and while one waits for a token nobody can overtake it.
        self._queue = asyncio.Lock()
        self._tokens = self._burst
        self._filled_at = clock.now()
        self._paused_until = 0.0
        self.users = 0

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Waits for a connection and a token, and holds the connection."""
        self.users += 1
        try:
            async with self._slots:
                async with self._queue:
                    await self._take_token()
                yield
        finally:
            self.users -= 1

    def pause(self, seconds: float) -> None:
        """Lets nothing through for so long, and then one request after the other, without a burst."""
        self._paused_until = max(self._paused_until, self._clock.now() + seconds)
        self._tokens = 0.0
        self._filled_at = self._paused_until

    async def _take_token(self) -> None:
        # In a loop: while one waits, another's answer may have brought a pause.
        while True:
            now = self._clock.now()
            if now < self._paused_until:
                await self._clock.sleep(self._paused_until - now)
                continue
            self._tokens = min(self._burst, self._tokens + max(0.0, now - self._filled_at) * self._rate)
            self._filled_at = max(now, self._filled_at)
            # A sleep may end a rounding error early; that must not cost another one.
            if self._tokens > 1.0 - 1e-6:
                self._tokens -= 1.0
                return
            await self._clock.sleep((1.0 - self._tokens) / self._rate)


class HostGates:
    """The gates of all hosts, made when needed."""

    def __init__(self, rate: float, per_host: int, clock: Clock) -> None:
        self._rate, self._per_host, self._clock = rate, per_host, clock
        self._gates: dict[str, HostGate] = {}

    def of(self, host: str) -> HostGate:
        """Returns a host's gate."""
        if host not in self._gates:
            if len(self._gates) >= _MAX_GATES:
                # Redirects may name any number of hosts.
                self._gates = {name: gate for name, gate in self._gates.items() if gate.users}
            self._gates[host] = HostGate(self._rate, self._per_host, self._clock)
        return self._gates[host]


def backoff_s(attempt: int, *, first_s: float, longest_s: float, seed: int, key: str) -> float:
    """Returns the pause after a failed attempt: exponential, half of it random.

    The randomness keeps requests that failed together from coming back together.

    Args:
        attempt: 1 for the first.
        first_s: pause after the first attempt, at most.
        longest_s: longest pause.
        seed: of the random half.
        key: what is fetched; every key has its own pauses.
    """
    digest = blake2b(f"{seed}/{key}/{attempt}".encode(), digest_size=_JITTER_BITS // 8).digest()
    # 2**attempt overflows a float long before anybody's patience does.
    whole = min(longest_s, first_s * 2.0 ** min(attempt - 1, 60))
    return whole * (0.5 + 0.5 * int.from_bytes(digest, "big") / 2.0**_JITTER_BITS)


def parse_retry_after(text: str | None, now: datetime | None = None) -> float | None:
    """Returns the seconds of a Retry-After header (RFC 9110, 10.2.3), or None where it says nothing usable.

    Args:
        text: whole seconds or an HTTP date.
        now: the time; None asks the clock.
    """
    text = (text or "").strip()
    if text.isascii() and text.isdecimal():
        return float(text[:9])
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - (now or datetime.now(UTC))).total_seconds())
