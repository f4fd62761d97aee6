import hashlib

import pytest

from tfrecords_builder.download_failures import DownloadFailed
from tfrecords_builder.photograph_files import (
    check_photograph,
    clear_staging,
    find_photograph,
    photograph_path,
    store_photograph,
)


def test_places(tmp_path):
    assert photograph_path(tmp_path, "abcdef") == tmp_path / "a/b/c/abcdef.jpg"
    assert photograph_path(tmp_path, "ab") == tmp_path / "a/b/ab.jpg"
    with pytest.raises(ValueError, match="cannot be a file name"):
        photograph_path(tmp_path, "../abc")


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "GIF", "BMP"])
def test_photographs_of_any_size_and_format_are_kept(scene, encode, format):
    data = encode(scene(2, 3), format)
    stored = check_photograph(data)
    assert (stored.size_bytes, stored.sha256) == (len(data), hashlib.sha256(data).hexdigest())


def test_what_is_no_photograph(scene, encode, png_header):
    photo = encode(scene())
    bad = {b"": "empty", b"<html>": "not_an_image", b"%PDF-1.7": "unsupported", photo[:-50]: "truncated"}
    bad[png_header(100_000, 100_000)] = "too_large"
    for data, reason in bad.items():
        with pytest.raises(DownloadFailed, match=f"{reason}: "):
            check_photograph(data)


def test_stored_photographs_are_found_and_broken_ones_are_not(tmp_path, scene, encode, contents):
    photo = encode(scene())
    stored = store_photograph(tmp_path, "abcdef", bytearray(photo))
    assert contents(tmp_path) == {"a/b/c/abcdef.jpg": photo}
    assert find_photograph(tmp_path, "abcdef", 10**6) == stored
    assert find_photograph(tmp_path, "abcdef", 100) is None
    assert find_photograph(tmp_path, "abcxyz", 10**6) is None
    (tmp_path / "a/b/c/abcdef.jpg").write_bytes(photo[:-50])
    assert find_photograph(tmp_path, "abcdef", 10**6) is None


def test_nothing_is_left_of_what_cannot_be_stored(tmp_path):
    with pytest.raises(DownloadFailed):
        store_photograph(tmp_path, "abcdef", b"text")
    assert not list(tmp_path.iterdir())


def test_what_a_kill_left_is_removed(tmp_path):
    staging = tmp_path / ".download/new"
    staging.mkdir(parents=True)
    (staging / ".abc.jpg.x.partial").write_bytes(b"half")
    clear_staging(tmp_path)
    clear_staging(tmp_path)
    assert not staging.exists()
