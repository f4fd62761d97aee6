import pytest

from tfrecords_builder.download_failures import DownloadFailed, Failure, http_reason, parse_reasons


@pytest.mark.parametrize(
    ("reason", "is_transient"),
    [
        *(
            (reason, True)
            for reason in ("timeout", "http_429", "http_503", "dns", "connect", "dropped", "wrong_length")
        ),
        *((reason, False) for reason in ("http_404", "http_403", "robots", "blocked_address", "too_large", "tls")),
    ],
)
def test_what_may_pass_by_itself(reason, is_transient):
    assert DownloadFailed(reason, "").is_transient is is_transient


def test_what_is_of_the_host():
    assert DownloadFailed(Failure.TIMEOUT, "").is_of_the_host
    assert not DownloadFailed("http_503", "").is_of_the_host


def test_reasons_of_retry_failed():
    assert parse_reasons("all") == ()
    assert parse_reasons("http_429, timeout") == ("http_429", "timeout")
    for bad in ("", "http_99", "http_4040", "timeout,", "http_429;timeout"):
        with pytest.raises(
            ValueError, match=r"--retry-failed '.*': choose from bad_url, .* or a status such as http_404"
        ):
            parse_reasons(bad)


def test_words():
    failure = DownloadFailed(Failure.TOO_LARGE, "7 bytes")
    assert (failure.reason, str(failure)) == ("too_large", "too_large: 7 bytes")
    assert http_reason(404) == "http_404"
