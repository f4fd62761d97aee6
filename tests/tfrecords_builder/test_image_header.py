import pytest
from PIL import Image

from tfrecords_builder.image_header import image_format, image_orientation, open_image, read_header
from tfrecords_builder.image_limits import DEFAULT_LIMITS, ImageLimits, ImageRefused, Refusal


def test_what_a_header_says(scene, encode):
    header = read_header(encode(scene(30, 50), "PNG"))
    assert (header.format, header.mode, header.height, header.width, header.orientation) == ("PNG", "RGB", 30, 50, 1)


def test_further_pictures_in_a_jpeg_do_not_change_its_format(scene, encode):
    frames = [Image.fromarray(scene(seed=seed)) for seed in range(2)]
    data = encode(frames[0], "MPO", save_all=True, append_images=frames[1:])
    assert Image.MIME[open_image(data, DEFAULT_LIMITS).format] == "image/mpo"
    assert image_format(open_image(data, DEFAULT_LIMITS)) == read_header(data).format == "JPEG"


def test_a_png_tells_its_orientation_once_it_is_decoded(scene, encode):
    exif = Image.Exif()
    exif[0x0112] = 6
    image = open_image(encode(scene(), "PNG", exif=exif), DEFAULT_LIMITS)
    image.load()
    assert image_orientation(image) == 6


@pytest.mark.parametrize(("height", "width", "refused"), [(30, 90, False), (30, 91, True), (91, 30, True)])
def test_the_limit_of_proportions(scene, encode, height, width, refused):
    limits, data = ImageLimits(max_aspect=3), encode(scene(height, width))
    if not refused:
        assert read_header(data, limits).width == width
        return
    with pytest.raises(
        ImageRefused, match=f"too_long: {width} x {height} pixels, the longest side is 3 times"
    ) as error:
        read_header(data, limits)
    assert error.value.reason == Refusal.TOO_LONG
    assert read_header(data).width == width, "0, the default, takes any"


def test_a_jpeg_of_very_many_scans_is_a_bomb(scene, encode):
    data = encode(scene(), progressive=True)
    last = data.rindex(b"\xff\xda")
    scan = data[last:-2]
    assert read_header(data[:-2] + scan * 40 + b"\xff\xd9").width == 60
    with pytest.raises(ImageRefused, match=r"too_large: JPEG: \d+ scans, the limit is 64"):
        read_header(data[:-2] + scan * 64 + b"\xff\xd9")
