"""Views lie inside the photograph, and have the sizes and places that their policies promise."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from tfland.config import DataConfig
from tfland.data.views import Chance, evaluation_view, training_view

PLAIN = DataConfig(shards="s", image_size=32, crop="none")


def config(**changes: object) -> DataConfig:
    return dataclasses.replace(PLAIN, **changes)  # type: ignore[arg-type]


def chance(area: float = 0.5, aspect: float = 0.5, y: float = 0.5, x: float = 0.5) -> Chance:
    return Chance(*(tf.constant(value, tf.float32) for value in (area, aspect, y, x)))


def view_of(height: int, width: int, setting: DataConfig, **draws: float) -> tuple[list[int], list[int]]:
    window, size = training_view(tf.constant([height, width]), chance(**draws), setting)
    return window.numpy().tolist(), np.array(size).tolist()


@pytest.mark.parametrize(
    ("policy", "height", "width", "window", "size"),
    [
        ("exact", 30, 50, [0, 0, 30, 50], [32, 32]),
        ("shortest_side", 30, 50, [0, 10, 30, 30], [32, 32]),
        ("shortest_side", 51, 30, [10, 0, 30, 30], [32, 32]),
        ("shortest_side", 1, 1, [0, 0, 1, 1], [32, 32]),
        ("longest_side", 64, 32, [0, 0, 64, 32], [32, 16]),
        ("longest_side", 10, 1000, [0, 0, 10, 1000], [1, 32]),
    ],
)
def test_evaluation_shows_the_whole(policy: str, height: int, width: int, window: list[int], size: list[int]) -> None:
    view = evaluation_view(tf.constant([height, width]), policy, (32, 32))
    assert view.window.numpy().tolist() == window
    assert np.array(view.size).tolist() == size


@pytest.mark.parametrize("crop", ["none", "shift", "random", "random_resized"])
@pytest.mark.parametrize("resize", ["exact", "shortest_side", "longest_side"])
def test_windows_stay_inside_the_photograph(crop: str, resize: str) -> None:
    if (resize, crop) == ("longest_side", "shift"):
        return
    setting = config(crop=crop, resize=resize, crop_area_min=0.05)
    view = tf.function(lambda shape, numbers: tuple(training_view(shape, Chance(*tf.unstack(numbers)), setting)))
    rng = np.random.default_rng(0)
    for shape in ((1, 1), (1, 40), (37, 90), (200, 31)):
        for _ in range(12):
            numbers = rng.choice([0.0, 0.5, 0.99999994], 4).astype(np.float32)
            window, size = view(tf.constant(shape), tf.constant(numbers))
            y, x, h, w = window.numpy()
            assert 0 <= y <= y + h <= shape[0]
            assert 0 <= x <= x + w <= shape[1]
            assert min(h, w) >= 1
            assert 1 <= np.min(size) <= np.max(size) <= 32


def test_a_shifted_window_has_the_right_share() -> None:
    # 32 / (32 + 16) of the sides; at the top and at the right.
    assert view_of(96, 48, config(crop="shift"), y=0.0, x=0.9999)[0] == [0, 16, 64, 32]


def test_a_random_crop_of_the_shortest_side_lies_anywhere() -> None:
    """Seed 001: the shortest side scaled to 48 (here by a half), then 32 x 32 anywhere."""
    setting = config(crop="random", resize="shortest_side")
    assert view_of(96, 400, setting, y=0.0, x=0.0) == ([0, 0, 64, 64], [32, 32])
    assert view_of(96, 400, setting, y=0.99999, x=0.99999) == ([32, 336, 64, 64], [32, 32])


def test_a_random_crop_of_a_stretched_photograph_may_shift_further_sideways() -> None:
    """Seed 001's 544 x 672, cut to 512 x 512, in small: 48 x 96, cut to 32 x 32."""
    setting = config(crop="random", shift_pixels=16, shift_pixels_x=64)
    assert view_of(96, 96, setting, y=0.99999, x=0.99999) == ([32, 64, 64, 32], [32, 32])


def test_a_random_crop_of_the_longest_side_fills_what_it_can() -> None:
    """The longest side scaled to 48: of 200 x 100 that is 48 x 24, of which 32 rows and all 24 columns are shown."""
    setting = config(crop="random", resize="longest_side")
    window, size = view_of(200, 100, setting, y=0.0)
    assert window == [0, 0, 133, 100]
    assert size == [32, 24]


@pytest.mark.parametrize("area_min", [0.05, 0.25])
def test_a_random_window_has_the_area_asked_for(area_min: float) -> None:
    setting = config(crop="random_resized", crop_area_min=area_min)
    window, _ = view_of(400, 800, setting, area=0.0)
    assert window[2] * window[3] == pytest.approx(area_min * 400 * 800, rel=0.02)
    assert window[3] / window[2] == pytest.approx(2, rel=0.02)
    tall, _ = view_of(400, 800, setting, area=0.0, aspect=0.99999)
    assert tall[2] / tall[3] == pytest.approx(0.5 * 4 / 3, rel=0.02)
    assert view_of(400, 800, setting, area=0.999999)[0] == [0, 0, 400, 800]
