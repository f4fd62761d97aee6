"""Turns what the HTTP library raises into typed reasons."""

from typing import Any

import aiohttp

from tfrecords_builder.address_guard import BlockedAddress
from tfrecords_builder.download_failures import DownloadFailed, Failure


def as_failure(error: Exception) -> DownloadFailed:
    """Returns the typed reason of an error that a request raised.

    Args:
        error: an aiohttp.ClientError, a TimeoutError, or a ValueError of a URL that cannot be asked for.
    """
    for kinds, describe in _IN_ORDER:
        if isinstance(error, kinds):
            return describe(error)
    return DownloadFailed(Failure.PROTOCOL, f"{type(error).__name__}: {error}"[:200])


def _timeout(error: Exception) -> DownloadFailed:
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return DownloadFailed(Failure.TIMEOUT, "no connection in time")
    if isinstance(error, aiohttp.SocketTimeoutError):
        return DownloadFailed(Failure.TIMEOUT, "the server fell silent")
    return DownloadFailed(Failure.TIMEOUT, "not finished in time")


def _connect(error: Exception) -> DownloadFailed:
    cause: Any = getattr(error, "os_error", error)
    if isinstance(cause, BlockedAddress):
        return DownloadFailed(Failure.BLOCKED_ADDRESS, str(cause))
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return DownloadFailed(Failure.DNS, cause.strerror or str(cause))
    return DownloadFailed(Failure.CONNECT, cause.strerror or str(cause))


def _tls(error: Exception) -> DownloadFailed:
    cause = getattr(error, "certificate_error", None) or getattr(error, "os_error", error)
    return DownloadFailed(Failure.TLS, str(cause)[:200])


def _bad_url(error: Exception) -> DownloadFailed:
    return DownloadFailed(Failure.BAD_URL, str(error)[:200])


def _payload(error: Exception) -> DownloadFailed:
    # aiohttp names only the length's error; the class is not part of its interface.
    if "ContentLengthError" in str(error) or "ContentLengthError" in repr(error.__cause__):
        return DownloadFailed(Failure.WRONG_LENGTH, "the connection ended before the announced length")
    return DownloadFailed(Failure.DROPPED, "the connection ended within the body")


def _dropped(error: Exception) -> DownloadFailed:
    return DownloadFailed(Failure.DROPPED, "the server closed the connection")


# From the particular to the general: TLS errors are connection errors, which are errors of the operating system.
_IN_ORDER = (
    (TimeoutError, _timeout),
    (aiohttp.ClientSSLError, _tls),
    (aiohttp.ClientConnectorError, _connect),
    (aiohttp.InvalidURL, _bad_url),
    (aiohttp.ClientPayloadError, _payload),
    ((aiohttp.ServerDisconnectedError, aiohttp.ClientOSError), _dropped),
    (ValueError, _bad_url),
)
