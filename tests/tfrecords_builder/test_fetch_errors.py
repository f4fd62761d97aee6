import aiohttp
import pytest

from tfrecords_builder.fetch_errors import as_failure


@pytest.mark.parametrize(
    ("error", "reason", "detail"),
    [
        (TimeoutError(), "timeout", "not finished in time"),
        (aiohttp.ConnectionTimeoutError(), "timeout", "no connection in time"),
        (aiohttp.SocketTimeoutError(), "timeout", "the server fell silent"),
        (aiohttp.InvalidURL("http://x y"), "bad_url", "http://x y"),
        (ValueError("Port out of range"), "bad_url", "Port out of range"),
        (aiohttp.ClientPayloadError("Response payload is not completed"), "dropped", "ended within the body"),
        (aiohttp.ClientOSError(104, "reset"), "dropped", "the server closed the connection"),
        (aiohttp.ServerDisconnectedError(), "dropped", "the server closed the connection"),
        (aiohttp.ClientError("something new"), "protocol", "ClientError: something new"),
    ],
)
def test_errors_of_the_library(error, reason, detail):
    found = as_failure(error)
    assert found.reason == reason
    assert detail in found.detail
