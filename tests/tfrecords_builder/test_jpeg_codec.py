from dataclasses import replace

import cv2
import numpy as np
import pytest
from PIL import Image

from tfrecords_builder.image_header import read_header
from tfrecords_builder.image_limits import ImageRefused, Refusal
from tfrecords_builder.images import decode_image
from tfrecords_builder.jpeg_codec import check_jpeg, decode_jpeg, encode_jpeg
from tfrecords_builder.resizing import resize

END = b"\xff\xd9"


@pytest.fixture(scope="module")
def noise() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (64, 96, 3), dtype=np.uint8)


def psnr(first: np.ndarray, second: np.ndarray) -> float:
    error = ((first.astype(float) - second) ** 2).mean()
    return 10 * np.log10(255**2 / max(error, 1e-9))


def refused(function, data: bytes) -> str:
    with pytest.raises(ImageRefused) as caught:
        function(data, read_header(data))
    assert caught.value.reason == Refusal.CORRUPT
    return caught.value.detail


@pytest.mark.parametrize("divisor", [1, 2, 4, 8])
@pytest.mark.parametrize(("height", "width"), [(64, 96), (61, 93), (9, 200)])
def test_sizes_of_scaled_decodes(scene, encode, divisor, height, width):
    data = encode(scene(height, width))
    pixels = decode_jpeg(data, read_header(data), divisor)
    assert pixels.shape == (-(-height // divisor), -(-width // divisor), 3)
    assert pixels.dtype == np.uint8


def test_grey_becomes_rgb(scene, encode):
    data = encode(Image.fromarray(scene()).convert("L"))
    pixels = decode_jpeg(data, read_header(data))
    assert pixels.shape == (40, 60, 3)
    assert (pixels == pixels[..., :1]).all()


@pytest.mark.parametrize("function", [decode_jpeg, check_jpeg])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_blocks": 4}, {"subsampling": 2}])
def test_a_cut_jpeg_with_its_end_put_back_is_corrupt(noise, encode, function, options):
    data = encode(noise, **options)
    start = data.rindex(b"\xff\xda") + 14
    for cut in range(start + 40, len(data) - 40, (len(data) - start) // 11):
        assert "JPEG: " in refused(function, data[:cut] + END)


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_damage_is_found_in_every_color_space(noise, encode, mode):
    data = encode(Image.fromarray(noise).convert(mode))
    damaged = data[: len(data) // 2] + END
    assert "premature end of data segment" in refused(check_jpeg, damaged)
    with pytest.raises(ImageRefused, match="corrupt: JPEG: Corrupt JPEG data: premature end"):
        decode_image(damaged)


def test_flipped_bits_are_found_where_the_data_show_them(noise, encode):
    """About half of single flips leave well-formed data: no decoder can tell them from another picture."""
    rng, found = np.random.default_rng(1), 0
    data = encode(noise)
    start = data.index(b"\xff\xda") + 14
    for place in rng.integers(start, len(data) - 2, 100):
        damaged = bytearray(data)
        damaged[place] ^= 1 << rng.integers(8)
        try:
            check_jpeg(bytes(damaged), read_header(bytes(damaged)))
        except ImageRefused:
            found += 1
    assert found > 30


def test_sound_jpegs_pass(scene, encode):
    for options in ({}, {"progressive": True}, {"subsampling": 1}, {"restart_marker_blocks": 2}, {"optimize": True}):
        data = encode(scene(), **options)
        assert check_jpeg(data, read_header(data))


def test_a_file_of_two_sizes_is_corrupt(scene, encode):
    data = encode(scene())
    header = replace(read_header(data), width=32)
    with pytest.raises(ImageRefused, match="60 x 40 pixels for libjpeg, 32 x 40 before"):
        decode_jpeg(data, header)


def test_unusual_sampling_is_left_to_pillow(encode):
    data = bytearray(encode(np.full((16, 24, 3), 90, np.uint8), keep_rgb=True))
    data[data.index(b"\xff\xc0") + 11] = 0x31  # three columns of red for each of green and blue
    data = bytes(data)
    header = read_header(data)
    assert decode_jpeg(data, header) is None
    assert not check_jpeg(data, header)
    assert decode_image(data).shape == (16, 24, 3)


def photograph_like(seed: int) -> np.ndarray:
    """Detail at all scales whose strength falls as in photographs: uint8 [768, 1024, 3]."""
    rng = np.random.default_rng(seed)
    total = np.full((768, 1024, 3), 128, np.float32)
    for cells, strength in ((8, 40), (32, 20), (128, 10), (512, 5)):
        coarse = rng.normal(0, strength, (cells * 3 // 4, cells, 3)).astype(np.float32)
        total += cv2.resize(coarse, (1024, 768), interpolation=cv2.INTER_CUBIC)
    return total.clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("side", [64, 128, 200, 256])
def test_scaled_decoding_loses_less_than_the_record_s_own_jpeg(side):
    """The bound of the scaled decode: it is never below 40 dB here and always better than quality 95."""
    for seed in range(3):
        data = encode_jpeg(photograph_like(seed), 92)
        scaled = decode_image(data, max_side=side)
        full = resize(decode_image(data), scaled.shape[:2])
        assert psnr(scaled, full) > 40
        assert psnr(scaled, full) > psnr(decode_image(encode_jpeg(full, 95)), full) - 1


def test_encoded_jpegs_hold_the_picture(scene):
    data = encode_jpeg(scene(), 95)
    assert psnr(decode_jpeg(data, read_header(data)), scene()) > 28
