"""Why a download failed: the words of failed.csv, which of them pass by themselves, and which a user may retry."""

import re
from enum import StrEnum
from http import HTTPStatus

ALL_REASONS = "all"


class Failure(StrEnum):
    """Why a URL gave no photograph; beside these there is http_NNN, the server's own status."""

    BAD_URL = "bad_url"
    BLOCKED_ADDRESS = "blocked_address"
    DNS = "dns"
    CONNECT = "connect"
    TLS = "tls"
    TIMEOUT = "timeout"
    DROPPED = "dropped"
    PROTOCOL = "protocol"
    WRONG_LENGTH = "wrong_length"
    TOO_LARGE = "too_large"
    TOO_MANY_REDIRECTS = "too_many_redirects"
    ROBOTS = "robots"
    BAD_ENCODING = "bad_encoding"
    EMPTY = "empty"
    NOT_AN_IMAGE = "not_an_image"
    UNSUPPORTED = "unsupported"
    TRUNCATED = "truncated"
    WRONG_MD5 = "wrong_md5"
    NO_MD5 = "no_md5"
    NOT_A_TAR = "not_a_tar"
    UNSAFE_MEMBER = "unsafe_member"
    HOST_DOWN = "host_down"
    HOST_BUSY = "host_busy"


# Failures of the way to a host rather than of one URL: many in a row mean that the host is not there.
_OF_THE_HOST = frozenset(map(str, (Failure.DNS, Failure.CONNECT, Failure.TLS, Failure.TIMEOUT)))
_TRANSIENT = frozenset({Failure.DNS, Failure.CONNECT, Failure.TIMEOUT, Failure.DROPPED, Failure.WRONG_LENGTH})
_TRANSIENT_STATUSES = frozenset(
    {
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.TOO_EARLY,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)
_HTTP_REASON = re.compile(r"http_[1-9][0-9]{2}")


class DownloadFailed(Exception):  # noqa: N818 - it reads as what happened
    """A URL gave no photograph.

    Attributes:
        reason: a `Failure` or http_NNN.
        detail: one line for a person; the same for the same fault, so that failed.csv can be compared.
        retry_after_s: how long the server asked to be left alone, or None.
    """

    def __init__(self, reason: str, detail: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = str(reason)
        self.detail = detail
        self.retry_after_s = retry_after_s

    @property
    def is_of_the_host(self) -> bool:
        """Whether the host could not be reached, whatever the URL."""
        return self.reason in _OF_THE_HOST

    @property
    def is_transient(self) -> bool:
        """Whether asking again may help."""
        return self.reason in _TRANSIENT_REASONS


def http_reason(status: int) -> str:
    """Returns the reason for a response's status, such as http_404."""
    return f"http_{status}"


_TRANSIENT_REASONS = frozenset(map(str, _TRANSIENT)) | {http_reason(status) for status in _TRANSIENT_STATUSES}


def parse_reasons(text: str) -> tuple[str, ...]:
    """Returns the reasons of --retry-failed; () stands for every reason.

    Args:
        text: reasons separated by commas, or ALL_REASONS.

    Raises:
        ValueError: one of them is no reason.
    """
    if text == ALL_REASONS:
        return ()
    known = [failure.value for failure in Failure]
    reasons = tuple(part.strip() for part in text.split(","))
    for reason in reasons:
        if reason not in known and not _HTTP_REASON.fullmatch(reason):
            raise ValueError(f"--retry-failed {reason!r}: choose from {', '.join(known)} or a status such as http_404")
    return reasons
