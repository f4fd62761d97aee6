import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfrecords_builder.resizing import ResizeMode, decoding_divisor, fitted_size, resize

SIDES = st.integers(1, 5000)


@pytest.mark.parametrize(
    ("mode", "expected"),
    [(ResizeMode.LONGEST, (67, 100)), (ResizeMode.SHORTEST, (100, 150)), (ResizeMode.EXACT, (100, 100))],
)
def test_what_the_modes_mean(mode, expected):
    assert fitted_size(400, 600, 100, mode) == expected
    assert fitted_size(600, 400, 100, mode) == expected[::-1]


@pytest.mark.parametrize("mode", ResizeMode)
def test_zero_keeps_the_size(mode):
    assert fitted_size(400, 600, 0, mode) == (400, 600)


@given(height=SIDES, width=SIDES, side=SIDES)
def test_only_exact_enlarges(height, width, side):
    for mode in (ResizeMode.LONGEST, ResizeMode.SHORTEST):
        rows, columns = fitted_size(height, width, side, mode)
        assert 1 <= rows <= height
        assert 1 <= columns <= width
    assert max(fitted_size(height, width, side)) == min(side, max(height, width))
    shortest = min(fitted_size(height, width, side, ResizeMode.SHORTEST))
    assert shortest == min(side, min(height, width))


@given(height=SIDES, width=SIDES, side=SIDES, mode=st.sampled_from(ResizeMode))
def test_a_scaled_decode_leaves_more_than_is_needed(height, width, side, mode):
    size = fitted_size(height, width, side, mode)
    divisor = decoding_divisor(height, width, size)
    assert divisor in (1, 2, 4, 8)
    if divisor > 1:
        spare = {2: 1.55, 4: 2, 8: 2.5}[divisor]
        assert height // divisor >= spare * size[0]
        assert width // divisor >= spare * size[1]


def test_the_largest_possible_divisor_is_taken():
    divisors = [decoding_divisor(side, side, (100, 100)) for side in (309, 310, 799, 800, 1999, 2000, 99_999)]
    assert divisors == [1, 2, 2, 4, 4, 8, 8]


def test_an_image_of_the_right_size_is_not_touched(scene):
    image = scene()
    assert resize(image, image.shape[:2]) is image


def test_thin_images_keep_a_pixel(scene):
    assert resize(scene(8, 4000), fitted_size(8, 4000, 100)).shape == (1, 100, 3)


def test_shrinking_averages():
    stripes = np.zeros((40, 40, 3), np.uint8)
    stripes[:, ::2] = 200
    assert (resize(stripes, (20, 20)) == 100).all()
    # One side shrinks and the other grows: what shrinks must not alias.
    assert (resize(stripes, (80, 20)) == 100).all()


def test_enlarging_is_smooth():
    step = np.zeros((2, 2, 3), np.uint8)
    step[:, 1] = 200
    row = resize(step, (8, 8))[0, :, 0].astype(int)
    assert (np.diff(row) >= 0).all()
    assert len(set(row.tolist())) > 2
