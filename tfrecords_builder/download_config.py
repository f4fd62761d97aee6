"""The settings of a download."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path

Network = IPv4Network | IPv6Network

_MAIL = re.compile(r"[!-~]+@[A-Za-z0-9\-]+(?:\.[A-Za-z0-9\-]+)+")
_PAGE = re.compile(r"https?://[!-~]+")


@dataclass(frozen=True, kw_only=True)
class FetchConfig:
    """How servers are asked.

    The defaults for one host are deliberately low; a host's own rules for robots go before them.

    Attributes:
        contact: mail address or web page of whoever runs the download; it stands in the User-Agent.
        rate: requests per second to one host, on average.
        per_host: connections to one host at a time.
        concurrency: connections in all; each may hold one photograph (`max_bytes`) in memory.
        attempts: requests for one URL before it has failed.
        backoff_s: pause before the second attempt; each further one is twice as long, to at most `max_wait_s`.
        max_wait_s: longest pause; a server that asks for more (Retry-After) is left alone for the rest of the run.
        connect_s: deadline for a connection.
        read_s: deadline for the next bytes.
        total_s: deadline for one attempt in all.
        max_bytes: largest body, decoded.
        max_redirects: redirects followed.
        host_failures: URLs in a row whose host could not be reached before the rest of the host is given up.
        private_networks: networks that may be asked although they are not public; none by default.
        seed: of the jitter.
    """

    contact: str
    rate: float = 5.0
    per_host: int = 2
    concurrency: int = 16
    attempts: int = 4
    backoff_s: float = 1.0
    max_wait_s: float = 300.0
    connect_s: float = 15.0
    read_s: float = 30.0
    total_s: float = 180.0
    max_bytes: int = 64 * 1024 * 1024
    max_redirects: int = 5
    host_failures: int = 20
    private_networks: tuple[Network, ...] = ()
    seed: int = 0

    def __post_init__(self) -> None:
        if not (_MAIL.fullmatch(self.contact) or _PAGE.fullmatch(self.contact)):
            raise ValueError(
                f"contact={self.contact!r}: give a mail address or a web page (https://…) at which the servers' owners "
                "can reach you; they block downloads that do not say whose they are"
            )
        for name in ("rate", "backoff_s", "max_wait_s", "connect_s", "read_s", "total_s"):
            if not 0 < getattr(self, name) < float("inf"):
                raise ValueError(f"{name}={getattr(self, name)}: must be positive")
        for name in ("per_host", "concurrency", "attempts", "max_bytes", "host_failures"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}={getattr(self, name)}: must be at least 1")
        if self.max_redirects < 0:
            raise ValueError(f"max_redirects={self.max_redirects}: must be at least 0")

    @property
    def user_agent(self) -> str:
        """The User-Agent header, such as `tfland/0.1.0 (me@example.org)`."""
        try:
            return f"tfland/{version('tfland')} ({self.contact})"
        except PackageNotFoundError:  # run from a checkout that is not installed
            return f"tfland ({self.contact})"


@dataclass(frozen=True, kw_only=True)
class DownloadConfig:
    """What to download, to where.

    Attributes:
        csv: a file with the columns id and url.
        out: folder of the photographs, a/b/c/abc….jpg.
        fetch: how servers are asked.
        retry_failed: reasons whose URLs are asked again; () for every reason, None for none.
    """

    csv: Path
    out: Path
    fetch: FetchConfig
    retry_failed: tuple[str, ...] | None = None


def parse_networks(texts: Sequence[str]) -> tuple[Network, ...]:
    """Returns the networks of --allow-private-hosts.

    Args:
        texts: addresses and networks separated by commas, such as "127.0.0.1,10.1.0.0/16".

    Raises:
        ValueError: one is neither an address nor a network.
    """
    networks = []
    for text in (part.strip() for entry in texts for part in entry.split(",")):
        try:
            networks.append(ip_network(text))
        except ValueError as error:
            raise ValueError(
                f"--allow-private-hosts {text!r}: expected addresses or networks such as 127.0.0.1 or 10.1.0.0/16"
            ) from error
    return tuple(networks)
