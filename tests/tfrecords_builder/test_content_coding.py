import gzip
import zlib

import pytest

from tfrecords_builder.content_coding import Decoder
from tfrecords_builder.download_failures import DownloadFailed


@pytest.mark.parametrize(
    ("encoding", "data"),
    [("", b"abc"), ("identity", b"abc"), (" GZIP ", gzip.compress(b"abc")), ("deflate", zlib.compress(b"abc"))],
)
def test_bodies_in_pieces(encoding, data):
    decoder = Decoder(encoding)
    assert b"".join(decoder.decode(data[place : place + 1], 100) for place in range(len(data))) == b"abc"
    decoder.finish()


def test_a_bomb_gives_no_more_than_was_asked_for():
    assert len(Decoder("gzip").decode(gzip.compress(bytes(10_000_000)), 1000)) == 1000


def test_what_is_not_as_the_header_says():
    with pytest.raises(DownloadFailed, match="bad_encoding: Content-Encoding 'zstd' is not read"):
        Decoder("zstd")
    with pytest.raises(DownloadFailed, match="bad_encoding: broken gzip"):
        Decoder("gzip").decode(b"\xff\xd8\xff", 10)
    decoder = Decoder("gzip")
    decoder.decode(gzip.compress(b"abc")[:-1], 10)
    with pytest.raises(DownloadFailed, match="bad_encoding: incomplete gzip"):
        decoder.finish()
