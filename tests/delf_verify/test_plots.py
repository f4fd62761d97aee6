import cv2
import numpy as np
import pytest

from delf_verify.plots import draw_matches, encode_png

POINTS = np.array([[20.0, 30.0], [60.0, 90.0]])


def photograph(height: int, width: int) -> np.ndarray:
    return np.full((height, width, 3), 40, np.uint8)


def test_lines_join_the_inliers_and_only_them() -> None:
    drawn = draw_matches(
        photograph(100, 120), photograph(100, 120), POINTS, POINTS, np.array([True, False]), height=100
    )
    assert drawn.shape == (100, 120 + 12 + 120, 3)
    # The line of the inlier crosses the gap at its height, nothing crosses at the other's.
    assert not (drawn[20, 122:130] == 255).all()
    assert (drawn[60, 122:130] == 255).all()


def test_of_many_inliers_some_have_lines_and_all_have_dots() -> None:
    points = np.stack([np.linspace(5, 1595, 200), np.full(200, 50.0)], axis=1)
    drawn = draw_matches(photograph(1600, 99), photograph(1600, 99), points, points, np.ones(200, bool), height=1600)
    gap = (drawn[:, 102:108] < 250).any(axis=(1, 2))
    lines = np.flatnonzero(np.diff(gap.astype(int)) == 1)
    assert len(lines) == 60 and lines[0] < 8 and lines[-1] > 1585
    # The photograph is one grey: what has a colour is drawn.
    column = drawn[:, 50].astype(int)
    assert all((column[round(y)] != 40).any() for y, _ in points)


def test_any_shapes_fit_beside_each_other() -> None:
    drawn = draw_matches(photograph(50, 900), photograph(900, 50), POINTS, POINTS, np.ones(2, bool), height=200)
    assert drawn.shape[0] == 200
    assert drawn.shape[1] <= 400 + 12 + 200


def test_no_matches_are_drawn_as_well() -> None:
    none = np.zeros((0, 2))
    drawn = draw_matches(photograph(64, 64), photograph(64, 64), none, none, np.zeros(0, bool), height=64)
    assert (drawn[:, :64] == 40).all()


def test_lengths_must_agree() -> None:
    with pytest.raises(ValueError, match="2, 2 locations and 3 marks"):
        draw_matches(photograph(9, 9), photograph(9, 9), POINTS, POINTS, np.ones(3, bool))


def test_png_keeps_the_pixels() -> None:
    image = np.random.default_rng(0).integers(0, 256, (8, 9, 3), dtype=np.uint8)
    back = cv2.imdecode(np.frombuffer(encode_png(image), np.uint8), cv2.IMREAD_COLOR)
    np.testing.assert_array_equal(cv2.cvtColor(back, cv2.COLOR_BGR2RGB), image)
