import asyncio

import pytest

from tfrecords_builder.download_failures import DownloadFailed
from tfrecords_builder.partial_file import PartialFile

URL = "http://a.example/images_000.tar"
TAG = {"ETag": '"one"', "Content-Length": "10"}


@pytest.fixture
def broken_off(tmp_path):
    """Leaves the first bytes of a body of ten on disk."""

    def work(headers=TAG, data=b"0123", url=URL):
        with PartialFile(tmp_path / "a.partial", url) as file:
            assert file.request_headers() == {}
            assert file.begin(200, headers) == 0
            asyncio.run(file.add(data))
        return tmp_path / "a.partial"

    return work


@pytest.mark.parametrize(
    ("headers", "validator"),
    [
        (TAG, '"one"'),
        ({"Last-Modified": "Fri, 20 Nov 2026 12:00:00 GMT"}, "Fri, 20 Nov 2026 12:00:00 GMT"),
        ({"ETag": 'W/"one"', "Last-Modified": "yesterday"}, "yesterday"),
    ],
)
def test_the_rest_is_asked_for_and_appended(broken_off, headers, validator):
    path = broken_off(headers)
    with PartialFile(path, URL) as file:
        assert file.request_headers() == {"Range": "bytes=4-", "If-Range": validator}
        assert file.begin(206, {"Content-Range": "bytes 4-9/10"}) == 4
        asyncio.run(file.add(b"456789"))
        assert file.is_whole == ("Content-Length" in headers)
    assert path.read_bytes() == b"0123456789"
    file.remove()
    assert not list(path.parent.iterdir())


@pytest.mark.parametrize(
    "headers", [{}, {"ETag": 'W/"weak"'}, {**TAG, "Content-Encoding": "gzip"}], ids=["none", "weak", "encoded"]
)
def test_without_a_strong_validator_the_body_is_asked_for_anew(broken_off, headers):
    with PartialFile(broken_off(headers), URL) as file:
        assert (file.size, file.request_headers()) == (0, {})


def test_a_beginning_of_something_else_or_of_nothing_known_is_not_used(broken_off):
    path = broken_off(url="http://b.example/")
    with PartialFile(path, URL) as file:
        assert file.size == 0
    for text in ("half", "[]", '{"url": 1}'):
        broken_off()
        path.with_name("a.partial.json").write_text(text)
        with PartialFile(path, URL) as file:
            assert file.size == 0


def test_a_server_that_sends_the_whole_again_starts_anew(broken_off):
    path = broken_off()
    with PartialFile(path, URL) as file:
        assert file.begin(200, {"ETag": '"two"', "Content-Length": "3"}) == 0
        asyncio.run(file.add(b"new"))
        assert file.is_whole
    with PartialFile(path, URL) as file:
        assert file.request_headers()["If-Range"] == '"two"'


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (416, {}),
        (206, {}),
        (206, {"Content-Range": "bytes 3-9/10"}),
        (206, {"Content-Range": "bytes 4-9/11"}),
        (206, {"Content-Range": "bytes 4-9/10", "ETag": '"two"'}),
        (206, {"Content-Range": "bytes 4-9/10", "Content-Encoding": "gzip"}),
    ],
)
def test_another_range_is_dropped_and_the_next_request_is_for_the_whole(broken_off, status, headers):
    with PartialFile(broken_off(), URL) as file:
        with pytest.raises(DownloadFailed, match=f"wrong_length: status {status}") as caught:
            file.begin(status, headers)
        assert caught.value.is_transient
        assert (file.size, file.request_headers()) == (0, {})
