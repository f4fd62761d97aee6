import numpy as np
import pytest
from PIL import Image, ImageCms

from tfrecords_builder.images import ImageRefused, Refusal, decode_image, read_header
from tfrecords_builder.prepare import prepare_jpeg
from tfrecords_builder.resizing import ResizeMode


def oriented(value: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = value
    return exif


def test_a_baseline_jpeg_is_kept_as_it_is(scene, encode):
    data = encode(scene(40, 60))
    for max_side in (0, 60, 100):
        prepared = prepare_jpeg(data, max_side=max_side)
        assert prepared.kept
        assert prepared.encoded == data
        assert (prepared.height, prepared.width) == (40, 60)


@pytest.mark.parametrize("subsampling", [0, 1, 2])
def test_every_subsampling_is_kept(scene, encode, subsampling):
    assert prepare_jpeg(encode(scene(), subsampling=subsampling)).kept


@pytest.mark.parametrize(
    "make",
    [
        lambda image, encode: encode(image, progressive=True),
        lambda image, encode: encode(image, exif=oriented(6)),
        lambda image, encode: encode(image, "PNG"),
        lambda image, encode: encode(image, "WEBP"),
        lambda image, encode: encode(Image.fromarray(image).convert("L")),
        lambda image, encode: encode(Image.fromarray(image).convert("CMYK")),
    ],
    ids=["progressive", "rotated", "png", "webp", "grey", "cmyk"],
)
def test_all_else_becomes_an_upright_baseline_rgb_jpeg(scene, encode, make, tf):
    data = make(scene(40, 60), encode)
    prepared = prepare_jpeg(data)
    assert not prepared.kept
    header = read_header(prepared.encoded)
    assert (header.format, header.mode, header.orientation) == ("JPEG", "RGB", 1)
    assert (prepared.height, prepared.width) == (header.height, header.width)
    assert np.abs(decode_image(data).astype(int) - decode_image(prepared.encoded)).mean() < 8
    # What training reads with: it knows neither EXIF nor CMYK.
    assert tf.io.decode_jpeg(prepared.encoded, channels=3).shape == (header.height, header.width, 3)
    assert prepare_jpeg(prepared.encoded).kept


def test_larger_photographs_are_shrunk(scene, encode):
    prepared = prepare_jpeg(encode(scene(400, 600)), max_side=128)
    assert (prepared.height, prepared.width) == (85, 128)
    assert decode_image(prepared.encoded).shape == (85, 128, 3)


@pytest.mark.parametrize(
    ("mode", "kept", "size"),
    [("longest", False, (32, 48)), ("shortest", True, (40, 60)), ("exact", False, (48, 48))],
)
def test_modes_of_resizing(scene, encode, mode, kept, size):
    prepared = prepare_jpeg(encode(scene(40, 60)), max_side=48, mode=ResizeMode(mode))
    assert (prepared.kept, prepared.height, prepared.width) == (kept, *size)
    assert decode_image(prepared.encoded).shape == (*size, 3)


def test_an_exact_size_that_is_there_already_keeps_the_bytes(scene, encode):
    assert prepare_jpeg(encode(scene(48, 48)), max_side=48, mode=ResizeMode.EXACT).kept


@pytest.mark.parametrize("max_side", [0, 30])
def test_a_jpeg_with_its_end_put_back_is_corrupt_whether_kept_or_not(encode, max_side):
    data = encode(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))
    with pytest.raises(ImageRefused) as caught:
        prepare_jpeg(data[: len(data) // 2] + b"\xff\xd9", max_side=max_side)
    assert caught.value.reason == Refusal.CORRUPT


def test_a_color_profile_is_ignored_and_kept_with_the_bytes(scene, encode):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    plain, profiled = encode(scene(), "PNG"), encode(scene(), "PNG", icc_profile=profile)
    assert prepare_jpeg(plain).encoded == prepare_jpeg(profiled).encoded
    assert profile in prepare_jpeg(encode(scene(), icc_profile=profile)).encoded


def test_quality_is_a_setting(scene, encode):
    data = encode(scene(400, 600, seed=1))
    small, large = (prepare_jpeg(data, max_side=300, quality=quality).encoded for quality in (30, 95))
    assert len(small) < len(large)


@pytest.mark.parametrize("cut", [2, 20, 300])
def test_a_truncated_photograph_is_refused_although_its_header_may_be_kept(scene, encode, cut):
    noisy = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    with pytest.raises(ImageRefused) as caught:
        prepare_jpeg(encode(noisy)[:-cut])
    assert caught.value.reason == Refusal.TRUNCATED


@pytest.mark.real_data
def test_real_photographs_are_kept(real_data):
    for path in sorted((real_data / "landmarks15/train").rglob("*.jpg"))[::50]:
        assert prepare_jpeg(path.read_bytes()).encoded == path.read_bytes()
