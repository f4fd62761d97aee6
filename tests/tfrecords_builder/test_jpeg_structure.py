import numpy as np
import pytest
from PIL import Image

from tfrecords_builder.jpeg_structure import read_structure


def structure(data: bytes) -> tuple[bool, bool]:
    found = read_structure(data)
    return found.is_sequential, found.is_whole


def test_how_a_jpeg_is_coded(scene, encode):
    assert structure(encode(scene())) == (True, True)
    assert structure(encode(scene(), progressive=True)) == (False, True)
    assert structure(encode(scene(), restart_marker_blocks=1)) == (True, True)


@pytest.mark.parametrize("progressive", [False, True])
def test_a_cut_jpeg_is_not_whole(encode, progressive):
    noisy = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    data = encode(noisy, progressive=progressive)
    for cut in range(2, len(data), 97):
        assert not read_structure(data[:-cut]).is_whole
        assert not read_structure(data[:-cut] + bytes(cut)).is_whole


def test_the_end_of_a_thumbnail_is_not_the_end(scene, encode):
    thumbnail = encode(scene(8, 8))
    data = encode(scene(), exif=b"Exif\x00\x00" + thumbnail)
    assert data.count(b"\xff\xd9") == 2
    assert structure(data) == (True, True)
    assert not read_structure(data[:-2]).is_whole


def test_fill_bytes_and_stray_bytes_before_a_marker(scene, encode):
    data = encode(scene())
    assert structure(data[:2] + b"\xff\xff\x00\x07" + data[2:]) == (True, True)


def test_scans_are_counted(scene, encode):
    assert read_structure(encode(scene())).scans == 1
    assert read_structure(encode(scene(), progressive=True)).scans > 4
    assert read_structure(encode(scene()) + b"\xff\xda" * 9).scans == 1


def test_sequential_scans_of_single_components_are_counted(scene, encode):
    data = encode(scene())
    scan = data.index(b"\xff\xda")
    assert data[scan + 4] == 3
    several = data[: scan + 4] + b"\x01" + data[scan + 5 : -2] + 99 * b"\xff\xda\x00" + data[-2:]
    assert read_structure(several).scans == 100


def test_what_follows_the_end_does_not_matter(scene, encode):
    assert structure(encode(scene()) + b"\xff\xda video") == (True, True)


@pytest.mark.parametrize(
    "data", [b"", b"\xff\xd8", b"\xff\xd8\xff", b"\xff\xd8\xff\xe0\x00", b"\xff\xd8\xff\xe0\x00\x00"]
)
def test_next_to_nothing(data):
    assert structure(data) == (False, False)


def test_every_picture_that_pillow_writes_is_whole(scene, encode):
    for options in ({"subsampling": 2}, {"optimize": True}, {"dpi": (72, 72)}, {"comment": b"\xff\xd9" * 9}):
        assert read_structure(encode(scene(), **options)).is_whole
    assert read_structure(encode(Image.fromarray(scene()).convert("CMYK"))).is_whole
