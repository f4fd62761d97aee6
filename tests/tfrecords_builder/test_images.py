import os
import struct
import tracemalloc
import warnings
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from tfrecords_builder.images import (
    ImageLimits,
    ImageRefused,
    Refusal,
    decode_image,
    encode_jpeg,
    locate,
    read_bytes,
    read_header,
    read_image,
)
from tfrecords_builder.resizing import fitted_size, resize

ORIENTATION = 0x0112


def refusal(function, *arguments, **options) -> ImageRefused:
    with pytest.raises(ImageRefused) as caught:
        function(*arguments, **options)
    return caught.value


def shrink(image: np.ndarray, max_side: int) -> np.ndarray:
    return resize(image, fitted_size(*image.shape[:2], max_side))


def close(first: np.ndarray, second: np.ndarray, tolerance: float = 4) -> bool:
    """JPEG and colour conversion change values a little."""
    return first.shape == second.shape and np.abs(first.astype(int) - second).mean() < tolerance


# Finding files.


def test_photographs_are_found_nested_and_flat(tmp_path, store):
    nested = store(tmp_path, "abcdef", b"x")
    (tmp_path / "ab.jpg").write_bytes(b"x")
    assert locate(tmp_path, "abcdef") == nested == tmp_path / "a/b/c/abcdef.jpg"
    assert locate(tmp_path, "ab") == tmp_path / "ab.jpg"


def test_a_missing_photograph(tmp_path):
    error = refusal(locate, tmp_path, "abcdef")
    assert error.reason == Refusal.MISSING
    assert error.detail == "neither a/b/c/abcdef.jpg nor abcdef.jpg in the image folder"


@pytest.mark.parametrize("image_id", ["../../etc/passwd", "/etc/passwd", ".."])
def test_ids_cannot_lead_out_of_the_folder(tmp_path, image_id):
    with pytest.raises(ValueError, match="cannot be a file name"):
        locate(tmp_path, image_id)


def test_links_cannot_lead_out_of_the_folder(tmp_path):
    root = tmp_path / "images"
    root.mkdir()
    (tmp_path / "secret.jpg").write_bytes(b"x")
    (root / "abcdef.jpg").symlink_to(tmp_path / "secret.jpg")
    assert refusal(locate, root, "abcdef").reason == Refusal.OUTSIDE
    # A folder whose name merely starts like the root is outside, too.
    (tmp_path / "images2").mkdir()
    (tmp_path / "images2/x.jpg").write_bytes(b"x")
    (root / "other1.jpg").symlink_to(tmp_path / "images2/x.jpg")
    assert refusal(locate, root, "other1").reason == Refusal.OUTSIDE


def test_links_within_the_folder_are_followed(tmp_path, store):
    store(tmp_path / "real", "abcdef", b"x")
    (tmp_path / "real/link12.jpg").symlink_to(tmp_path / "real/a/b/c/abcdef.jpg")
    (tmp_path / "root").symlink_to(tmp_path / "real")
    assert locate(tmp_path / "root", "link12").read_bytes() == b"x"


# Reading bytes.


def test_missing_empty_and_oversized_files(tmp_path):
    assert refusal(read_bytes, tmp_path / "none.jpg").reason == Refusal.MISSING
    (tmp_path / "empty.jpg").write_bytes(b"")
    assert refusal(read_bytes, tmp_path / "empty.jpg").reason == Refusal.EMPTY
    (tmp_path / "large.jpg").write_bytes(bytes(101))
    error = refusal(read_bytes, tmp_path / "large.jpg", ImageLimits(max_bytes=100))
    assert (error.reason, error.detail) == (Refusal.TOO_LARGE, "101 bytes, the limit is 100")


def test_pipes_and_folders_are_not_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "folder.jpg").mkdir()
    assert refusal(read_bytes, tmp_path / "pipe.jpg").reason == Refusal.MISSING
    assert refusal(read_bytes, tmp_path / "folder.jpg").reason == Refusal.MISSING


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission(tmp_path):
    (tmp_path / "x.jpg").write_bytes(b"x")
    (tmp_path / "x.jpg").chmod(0)
    assert refusal(read_bytes, tmp_path / "x.jpg").reason == Refusal.UNREADABLE


def test_an_error_of_the_disk(tmp_path, monkeypatch):
    (tmp_path / "x.jpg").write_bytes(b"x")

    def fail(*_, **__):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(Path, "open", fail)
    error = refusal(read_bytes, tmp_path / "x.jpg")
    assert (error.reason, error.detail) == (Refusal.UNREADABLE, "x.jpg: Input/output error")


# Formats and modes.


def test_read_image(tmp_path, scene, encode):
    (tmp_path / "x.jpg").write_bytes(encode(scene(30, 50)))
    image = read_image(tmp_path / "x.jpg")
    assert image.dtype == np.uint8
    assert image.flags.c_contiguous
    assert close(image, scene(30, 50))


@pytest.mark.parametrize("format", ["PNG", "WEBP", "GIF", "BMP", "JPEG"])
def test_formats_are_found_from_the_bytes(scene, encode, format):
    options = {"lossless": True} if format == "WEBP" else {}
    data = encode(scene(), format, **options)
    assert read_header(data).format == format
    assert close(decode_image(data), scene(), 12 if format == "GIF" else 4)


def test_progressive_jpeg(scene, encode):
    assert close(decode_image(encode(scene(), progressive=True)), scene())


@pytest.mark.parametrize("format", ["JPEG", "PNG"])
def test_grey(scene, encode, format):
    grey = Image.fromarray(scene()).convert("L")
    image = decode_image(encode(grey, format))
    assert close(image, np.repeat(np.asarray(grey)[..., None], 3, -1))


def test_cmyk(scene, encode):
    cmyk = Image.fromarray(scene()).convert("CMYK")
    assert close(decode_image(encode(cmyk)), scene())


def test_sixteen_bit_grey_keeps_its_range(encode):
    ramp = np.linspace(0, 65535, 20 * 20).reshape(20, 20).astype(np.uint16)
    image = decode_image(encode(Image.fromarray(ramp), "PNG"))
    assert image.shape == (20, 20, 3)
    assert (image[..., 0] == ramp >> 8).all()


def test_sixteen_bit_color(scene):
    encoded, data = cv2.imencode(".png", scene()[..., ::-1].astype(np.uint16) * 257)
    assert encoded
    assert close(decode_image(data.tobytes()), scene(), 1.5)


def test_palette_and_one_bit(scene, encode):
    palette = Image.fromarray(scene()).quantize(64)
    assert close(decode_image(encode(palette, "PNG")), np.asarray(palette.convert("RGB")), 1)
    mask = Image.fromarray(np.eye(16, dtype=bool))
    assert sorted(np.unique(decode_image(encode(mask, "PNG")))) == [0, 255]


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA"])
def test_transparency_is_laid_over_white(encode, mode):
    black = Image.new("RGBA", (20, 10), (0, 0, 0, 255))
    black.paste((0, 0, 0, 0), (10, 0, 20, 10))
    image = decode_image(encode(black.convert(mode) if mode != "PA" else black.quantize(8), "PNG"))
    assert (image[:, :10] == 0).all()
    assert (image[:, 10:] == 255).all()


def test_the_first_frame_of_an_animation(encode):
    frames = [Image.new("RGB", (16, 16), color) for color in ((255, 0, 0), (0, 0, 255))]
    image = decode_image(encode(frames[0], "GIF", save_all=True, append_images=frames[1:]))
    assert image[8, 8].tolist() == [255, 0, 0]


# Orientation.


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("max_side", [0, 20])
def test_exif_orientation_is_undone(scene, encode, orientation, format, max_side):
    upright = Image.fromarray(scene(40, 60))
    # What a camera stores is the upright picture under the inverse of the transformation that the tag names.
    stored = {
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[orientation]
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    picture = upright if stored is None else upright.transpose(stored)
    image = decode_image(encode(picture, format, exif=exif), max_side=max_side)
    expected = np.asarray(upright) if not max_side else shrink(np.asarray(upright), max_side)
    assert close(image, expected, 6)


@pytest.mark.parametrize("value", [0, 9, 65535])
def test_orientations_that_do_not_exist_mean_upright(scene, encode, value):
    exif = Image.Exif()
    exif[ORIENTATION] = value
    assert read_header(encode(scene(), exif=exif)).orientation == 1


def test_a_broken_exif_block_means_upright(scene, encode):
    data = encode(scene(), exif=b"Exif\x00\x00II*\x00\xff\xff\xff\xff\x01\x02")
    assert close(decode_image(data), scene())


# Refusals.


def test_one_pixel(encode):
    error = refusal(decode_image, encode(Image.new("RGB", (1, 1)), "PNG"))
    assert (error.reason, error.detail) == (Refusal.TOO_SMALL, "1 x 1 pixels, the shortest side is 8")


@pytest.mark.parametrize(("width", "height"), [(10_000, 10_000), (30_000, 30_000), (60_000, 60_000)])
@pytest.mark.parametrize("kind", ["png_header", "jpeg_claiming"])
def test_bombs_are_refused_before_they_are_decoded(request, width, height, kind):
    data = request.getfixturevalue(kind)(width, height)
    tracemalloc.start()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        error = refusal(decode_image, data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert error.reason == Refusal.TOO_LARGE
    assert peak < 5_000_000


def test_a_hundred_megapixel_photograph_is_refused_and_the_limit_is_a_setting(scene, encode):
    data = encode(scene(100, 100))
    assert refusal(decode_image, data, ImageLimits(max_pixels=9_999)).detail == "100 x 100 pixels, the limit is 9999"
    assert decode_image(data, ImageLimits(max_pixels=10_000)).shape == (100, 100, 3)


@pytest.mark.parametrize("part", [0.02, 0.3, 0.6, 0.9, 0.99])
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "progressive"])
def test_truncated_files_are_refused_not_half_decoded(scene, encode, part, format):
    noisy = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    data = encode(noisy, progressive=True) if format == "progressive" else encode(noisy, format)
    error = refusal(decode_image, data[: int(len(data) * part)])
    assert error.reason in (Refusal.TRUNCATED, Refusal.CORRUPT)


def test_a_download_that_stopped_in_a_preallocated_file_is_truncated(encode):
    data = encode(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))
    half = len(data) // 2
    assert refusal(decode_image, data[:half] + bytes(len(data) - half)).reason == Refusal.TRUNCATED


def test_what_follows_a_whole_jpeg_does_no_harm(scene, encode):
    assert close(decode_image(encode(scene()) + b"appended by a phone"), scene())


def test_checksums_of_a_png_are_read(encode):
    data = bytearray(encode(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8), "PNG"))
    checksum = data.index(b"IEND") - 8
    data[checksum] ^= 1
    assert refusal(decode_image, bytes(data)).reason == Refusal.CORRUPT


def test_metadata_that_unpack_to_megabytes_are_a_bomb(encode, scene):
    data = encode(scene(), "PNG")
    body = b"zTXtComment\x00\x00" + zlib.compress(bytes(30_000_000))
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    error = refusal(decode_image, data[:33] + chunk + data[33:])
    assert (error.reason, "too large" in error.detail) == (Refusal.TOO_LARGE, True)


def test_a_jpeg_without_its_last_marker_is_truncated(scene, encode):
    assert refusal(decode_image, encode(scene())[:-2]).reason == Refusal.TRUNCATED


@pytest.mark.parametrize(
    ("data", "reason", "detail"),
    [
        (b"<html>404 Not Found</html>", Refusal.NOT_AN_IMAGE, r"starts with b'<html>40'"),
        (bytes(1000), Refusal.NOT_AN_IMAGE, "starts with"),
        (b"PK\x03\x04" + bytes(100), Refusal.NOT_AN_IMAGE, "starts with b'PK"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", Refusal.UNSUPPORTED, "SVG is not read"),
        (b"%PDF-1.4", Refusal.UNSUPPORTED, "PDF is not read"),
        (b"II*\x00" + bytes(100), Refusal.UNSUPPORTED, "TIFF is not read; convert it"),
        (b"\x00\x00\x00\x18ftypheic" + bytes(100), Refusal.UNSUPPORTED, "HEIF/AVIF is not read"),
        (b"\xff\xd8\xff\xe0", Refusal.TRUNCATED, "a JPEG without a whole header"),
        (b"\x89PNG\r\n\x1a\n", Refusal.TRUNCATED, "a PNG without a whole header"),
    ],
)
def test_other_files_are_refused(data, reason, detail):
    error = refusal(decode_image, data)
    assert error.reason == reason
    assert detail in error.detail


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    format=st.sampled_from(["JPEG", "PNG", "WEBP", "GIF", "BMP"]),
    changes=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=8),
    keep=st.floats(0.05, 1),
)
def test_damage_gives_an_image_or_a_refusal(scene, encode, format, changes, keep):
    data = bytearray(encode(scene(24, 24), format))
    for place, value in changes:
        data[int(place * len(data))] = value
    try:
        image = decode_image(bytes(data[: int(keep * len(data))]), ImageLimits(max_pixels=1_000_000))
    except ImageRefused as error:
        assert error.detail
    else:
        assert image.dtype == np.uint8
        assert image.shape[2] == 3


# Sizes.


@pytest.mark.parametrize(("height", "width"), [(400, 600), (600, 400), (333, 777), (2000, 1500)])
def test_shrinking_while_decoding_looks_like_shrinking_afterwards(scene, encode, height, width):
    data = encode(scene(height, width))
    image = decode_image(data, max_side=64)
    assert max(image.shape) == 64
    assert close(image, shrink(decode_image(data), 64), 2)


@pytest.mark.real_data
def test_scaled_decoding_loses_less_than_the_jpeg_does(real_data):
    psnrs = []
    for path in sorted((real_data / "landmarks15/train").rglob("*.jpg"))[::40]:
        data = path.read_bytes()
        full = shrink(decode_image(data), 128)
        error = ((decode_image(data, max_side=128).astype(float) - full) ** 2).mean()
        psnrs.append(10 * np.log10(255**2 / max(error, 1e-9)))
    assert np.median(psnrs) > 38
    assert min(psnrs) > 30


def test_encoded_jpegs_are_read_by_others(scene):
    data = encode_jpeg(scene(), 95)
    assert read_header(data).mode == "RGB"
    assert close(decode_image(data), scene(), 8)


def test_what_is_no_picture_cannot_be_encoded():
    with pytest.raises((ValueError, cv2.error)):
        encode_jpeg(np.zeros((0, 0, 3), np.uint8))
