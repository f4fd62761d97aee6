from dataclasses import replace

import numpy as np
import pytest

from delf_verify.features import Extractor, LocalFeatures
from delf_verify.sift import RootSift

ARRAYS = ("locations_yx", "descriptors", "scores", "scales")


def test_arrays_become_float32_and_keep_their_rows(make_features) -> None:
    features = make_features(5, 4)
    doubled = LocalFeatures(*(np.asarray(getattr(features, n), np.float64) for n in ARRAYS))
    assert len(doubled) == 5
    for name in ARRAYS:
        assert getattr(doubled, name).dtype == np.float32
        np.testing.assert_array_equal(getattr(doubled, name), getattr(features, name))


def test_empty() -> None:
    features = LocalFeatures.empty(40)
    assert len(features) == 0
    assert features.descriptors.shape == (0, 40)
    assert features.locations_yx.shape == (0, 2)


def test_strongest_takes_the_highest_scores_and_keeps_the_order_of_ties() -> None:
    features = LocalFeatures(
        np.arange(8).reshape(4, 2), np.eye(4), np.array([0.5, 0.9, 0.5, 0.1]), np.array([1.0, 2, 3, 4])
    )
    np.testing.assert_array_equal(features.strongest(3).scales, [2, 1, 3])
    assert len(features.strongest(99)) == 4
    np.testing.assert_array_equal(features.take([3, 0]).locations_yx, [[6, 7], [0, 1]])


@pytest.mark.parametrize("name", ARRAYS)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused(make_features, name: str, bad: float) -> None:
    features = make_features(3)
    arrays = {n: getattr(features, n).copy() for n in ARRAYS}
    arrays[name].flat[0] = bad
    with pytest.raises(ValueError, match=f"{name} holds a value that is not finite"):
        LocalFeatures(**arrays)


@pytest.mark.parametrize(
    ("name", "shape"),
    [("locations_yx", (3, 3)), ("descriptors", (2, 16)), ("scores", (2,)), ("scales", (3, 1))],
)
def test_shapes_that_do_not_fit_are_refused(make_features, name: str, shape: tuple[int, ...]) -> None:
    features = make_features(3)
    arrays = {n: getattr(features, n) for n in ARRAYS} | {name: np.zeros(shape)}
    with pytest.raises(ValueError, match=rf"{name} must .*{shape[0]}"):
        LocalFeatures(**arrays)


@pytest.mark.parametrize("size", [0.0, -1.0, np.nan, np.inf])
def test_a_pixel_has_a_size(make_features, size: float) -> None:
    with pytest.raises(ValueError, match="pixel_size must be a positive number"):
        replace(make_features(3), pixel_size=size)
    assert replace(make_features(3), pixel_size=2.5).strongest(2).pixel_size == 2.5


def test_root_sift_is_an_extractor() -> None:
    assert isinstance(RootSift(), Extractor)
