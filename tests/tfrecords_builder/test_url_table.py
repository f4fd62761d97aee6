from urllib.parse import urlsplit

import pytest

from tfrecords_builder.download_failures import DownloadFailed
from tfrecords_builder.url_table import UrlRow, host_of, read_urls


def write(tmp_path, text):
    path = tmp_path / "t.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_rows_come_one_by_one_with_their_lines(tmp_path):
    text = (
        '\ufefflandmark_id,url,id\n7,http://a.example/x,aa\n8,"http://a.example/b,""c""",bb\n9, http://b.example/ ,cc\n'
    )
    assert list(read_urls(write(tmp_path, text))) == [
        UrlRow(2, "aa", "http://a.example/x"),
        UrlRow(3, "bb", 'http://a.example/b,"c"'),
        UrlRow(4, "cc", "http://b.example/"),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,landmark_id\naa,1\n", r"has no column url; its header is id,landmark_id\. URLs stand in GLDv2's own"),
        ("", "is empty"),
        ("id,url\naa,http://a/,x\n", "line 2: 3 fields, its header has 2"),
        ("id,url\naa,http://a/\n\n", "line 3: 0 fields"),
        ("id,url\n../../etc/passwd,http://a/\n", r"line 2: id '\.\./\.\./etc/passwd' cannot be a file name"),
        ('id,url\naa,"http://a/\n', "line 2: unexpected end of data"),
        (b"id,url\naa,http://a/\xff\n", "is not UTF-8 text"),
        ("id,url\naa," + "x" * 200_000, "field larger than field limit"),
    ],
)
def test_files_that_are_not_as_they_should_be(tmp_path, text, message):
    with pytest.raises(ValueError, match=message):
        list(read_urls(write(tmp_path, text)))


@pytest.mark.parametrize("url", ["http://A.example", "https://a-b.example/x@y:z/[q]?u=1#f", "http://a.example./é"])
def test_hosts_are_those_of_the_standard_library(url):
    assert host_of(url) == urlsplit(url).hostname


def test_hosts():
    assert host_of("https://Upload.Wikimedia.ORG:443/a?b#c") == "upload.wikimedia.org"
    assert host_of("http://[2620:0:863:ed1a::1]/a") == "2620:0:863:ed1a::1"


@pytest.mark.parametrize(
    ("url", "detail"),
    [
        ("", "scheme ''"),
        ("ftp://a.example/", "scheme 'ftp': only http and https"),
        ("file:///etc/passwd", "scheme 'file'"),
        ("javascript:alert(1)", "scheme 'javascript'"),
        ("http:///a", "no host"),
        ("http://[::1", "Invalid IPv6 URL"),
        ("http://a.example:x/", "Port could not be cast"),
        ("http://me@a.example/", "it holds a user name"),
        ("http://a.example/" + "x" * 8000, "8017 characters, at most 8000"),
    ],
)
def test_urls_that_are_not_asked_for(url, detail):
    with pytest.raises(DownloadFailed, match="bad_url: ") as caught:
        host_of(url)
    assert detail in caught.value.detail
