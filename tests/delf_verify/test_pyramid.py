"""The pyramid: where features lie, how they scale and mirror, what is left out."""

import math

import keras
import numpy as np
import pytest

from delf_verify.features import LocalFeatures
from delf_verify.model import build_delf, extraction_model
from delf_verify.pyramid import DelfConfig, Pyramid, bucket


def blob_model() -> keras.Model:
    """Attention rises with brightness; stride 4, receptive field 7."""
    x = image = keras.Input((None, None, 3), name="image")
    x = keras.layers.Rescaling(1 / 255, name="preprocessing")(x)
    x = keras.layers.ZeroPadding2D(3, name="pad")(x)
    x = keras.layers.Conv2D(8, 7, strides=4, activation="relu", name="conv")(x)
    model = extraction_model(build_delf(keras.Model(image, x, name="blob"), num_classes=2))
    rng = np.random.default_rng(0)
    for name, spread in (("conv", 0.2), ("attention_hidden", 1.0), ("attention_score", 1.0)):
        layer = model.get_layer(name)
        kernel, bias = layer.get_weights()
        layer.set_weights([rng.uniform(0.5, 1, kernel.shape) * spread / kernel.shape[2], bias])
    return model


@pytest.fixture(scope="module")
def model() -> keras.Model:
    return blob_model()


def bright_spot(height: int, width: int, y: float, x: float, sigma: float) -> np.ndarray:
    rows, columns = np.mgrid[:height, :width]
    spot = 255 * np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / (2 * sigma**2))
    return np.repeat(spot[..., None], 3, axis=2).round().astype(np.uint8)


def textured(height: int = 64, width: int = 96) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3)).astype(np.uint8)


@pytest.mark.parametrize("scale", [0.5, 1.0, 2.0])
def test_locations_are_in_pixels_of_the_original_as_y_x(model: keras.Model, scale: float) -> None:
    features = Pyramid(model, DelfConfig(scales=(scale,))).extract(bright_spot(120, 200, 44, 150, sigma=8))
    y, x = features.locations_yx[0]
    assert abs(y - 44) <= 2 / scale + 0.5
    assert abs(x - 150) <= 2 / scale + 0.5


def test_locations_match_a_slow_loop(model: keras.Model) -> None:
    """A 64 x 96 image at scale 1/2 has 8 x 12 cells; cell i's centre is pixel 4i there, 2 (4i + 1/2) - 1/2 here."""
    features = Pyramid(model, DelfConfig(scales=(0.5,))).extract(textured())
    expected = {(8 * i + 0.5, 8 * j + 0.5) for i in range(8) for j in range(12)}
    assert {tuple(location) for location in features.locations_yx.tolist()} == expected


def test_an_image_of_twice_the_size_has_the_same_features_twice_as_far_apart(model: keras.Model) -> None:
    small = textured(32, 48)
    large = small.repeat(2, axis=0).repeat(2, axis=1)
    at_full, at_half = (DelfConfig(scales=(scale,), min_side=8) for scale in (1.0, 0.5))
    expected, found = Pyramid(model, at_full).extract(small), Pyramid(model, at_half).extract(large)
    np.testing.assert_allclose(found.descriptors, expected.descriptors, atol=1e-6)
    np.testing.assert_allclose(found.locations_yx, 2 * expected.locations_yx + 0.5, atol=1e-4)


def test_a_mirrored_image_has_mirrored_features(model: keras.Model) -> None:
    # 25 and 29 pixels: the grid of cells (0, 4, ... 28) then mirrors onto itself.
    mirrored_model = keras.models.clone_model(model)
    mirrored_model.set_weights(model.get_weights())
    layer = mirrored_model.get_layer("conv")
    kernel, bias = layer.get_weights()
    layer.set_weights([kernel[:, ::-1], bias])
    image, config = textured(25, 29), DelfConfig(scales=(1.0,), min_side=16)
    expected = Pyramid(model, config).extract(image)
    found = Pyramid(mirrored_model, config).extract(np.ascontiguousarray(image[:, ::-1]))
    np.testing.assert_allclose(found.scores, expected.scores, rtol=1e-5)
    np.testing.assert_allclose(found.locations_yx[:, 1], 28 - expected.locations_yx[:, 1], atol=1e-4)
    np.testing.assert_allclose(found.locations_yx[:, 0], expected.locations_yx[:, 0], atol=1e-4)


def test_scales_are_relative_to_the_smallest_feature(model: keras.Model) -> None:
    features = Pyramid(model, DelfConfig(scales=(0.5, 1.0, 2.0))).extract(textured())
    np.testing.assert_allclose(np.unique(features.scales.round(4)), [1, 2, 4])


def test_descriptors_have_unit_length_and_scores_fall(model: keras.Model) -> None:
    features = Pyramid(model, DelfConfig(max_features=50)).extract(textured())
    assert len(features) == 50
    np.testing.assert_allclose(np.linalg.norm(features.descriptors, axis=1), 1, rtol=1e-5)
    assert (np.diff(features.scores) <= 0).all()


def test_fewer_features_are_the_first_of_more(model: keras.Model) -> None:
    many = Pyramid(model, DelfConfig(max_features=200, nms_iou=0.4)).extract(textured())
    few = Pyramid(model, DelfConfig(max_features=20, nms_iou=0.4)).extract(textured())
    np.testing.assert_array_equal(few.locations_yx, many.locations_yx[:20])


def test_suppression_thins_neighbours_out(model: keras.Model) -> None:
    """Boxes of 7 pixels every 4: neighbours overlap by 3·7 / (2·49 - 21) = 0.27."""
    dense = Pyramid(model, DelfConfig(scales=(1.0,), nms_iou=0.3)).extract(textured())
    thin = Pyramid(model, DelfConfig(scales=(1.0,), nms_iou=0.2)).extract(textured())
    assert len(dense) == 16 * 24
    assert len(thin) < len(dense) / 2
    distances = np.abs(thin.locations_yx[:, None] - thin.locations_yx[None]).sum(-1)
    assert distances[distances > 0].min() > 4


def test_the_threshold_drops_weak_features(model: keras.Model) -> None:
    every = Pyramid(model, DelfConfig()).extract(textured())
    threshold = float(np.median(every.scores))
    strong = Pyramid(model, DelfConfig(score_threshold=threshold)).extract(textured())
    assert len(strong) == int((every.scores >= np.float32(threshold)).sum())
    none = Pyramid(model, DelfConfig(score_threshold=1e6)).extract(textured())
    assert none.descriptors.shape == (0, 8)


def test_a_large_image_is_reduced_and_a_small_level_left_out(model: keras.Model) -> None:
    config = DelfConfig(scales=(0.25, 1.0), max_side=48, min_side=32)
    features = Pyramid(model, config).extract(textured(64, 96))
    # Reduced to 32 x 48: 8 x 12 cells at scale 1, and 8 x 12 pixels at 1/4 are too few.
    assert len(features) == 96
    assert features.locations_yx.max() > 80


@pytest.mark.parametrize("shape", [(1, 1, 3), (3, 500, 3), (15, 15, 3)])
def test_an_image_too_small_for_every_scale_has_no_features(model: keras.Model, shape: tuple[int, ...]) -> None:
    features = Pyramid(model, DelfConfig()).extract(np.zeros(shape, np.uint8))
    assert features.descriptors.shape == (0, 8)


def test_images_of_many_sizes_share_one_graph(model: keras.Model) -> None:
    pyramid = Pyramid(model, DelfConfig())
    for size in (40, 57, 64):
        pyramid.extract(textured(size, size + 11))
    assert pyramid._run.experimental_get_tracing_count() == 1


@pytest.mark.parametrize(
    "image",
    [np.zeros((8, 8), np.uint8), np.zeros((8, 8, 4), np.uint8), np.zeros((8, 8, 3)), np.zeros((0, 8, 3), np.uint8)],
    ids=["grey", "alpha", "float", "nothing"],
)
def test_refuses_what_is_no_rgb_image(model: keras.Model, image: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"an image must be \[H, W, 3\] uint8 RGB"):
        Pyramid(model, DelfConfig()).extract(image)


def test_default_scales_are_those_of_the_paper() -> None:
    expected = [0.25 * math.sqrt(2) ** step for step in range(7)]
    np.testing.assert_allclose(DelfConfig().scales, expected)
    assert DelfConfig().scales[4] == 1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"scales": ()}, r"delf\.scales must be numbers above 0 and at most 8, got \[\]"),
        ({"scales": (1.0, -1.0)}, r"delf\.scales .* got \[1\.0, -1\.0\]"),
        ({"scales": (1.0, 1.0)}, r"delf\.scales must differ"),
        ({"max_features": 0}, r"delf\.max_features must be at least 1, got 0"),
        ({"pca_size": 0}, r"delf\.pca_size must be at least 1, got 0"),
        ({"nms_iou": 0.0}, r"delf\.nms_iou must be above 0 and at most 1, got 0\.0"),
        ({"nms_iou": math.nan}, r"delf\.nms_iou .* got nan"),
        ({"score_threshold": -1.0}, r"delf\.score_threshold must be at least 0, got -1\.0"),
        ({"max_side": 16}, r"delf\.max_side must be at least min_side \(32\), got 16"),
    ],
)
def test_refuses_bad_settings(settings: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DelfConfig(**settings)


def test_sides_of_the_pyramid_have_few_values_close_to_those_wanted() -> None:
    sides = np.arange(1, 4000)
    rounded = np.array([bucket(side) for side in sides])
    assert (np.abs(rounded / sides - 1) <= 1 / 32).all()
    assert (np.diff(rounded) >= 0).all()
    assert [bucket(side) for side in (0.2, 31.4, 33, 34, 1000, 1024)] == [1, 31, 32, 34, 992, 1024]
    assert len(np.unique(rounded[sides >= 512])) <= 50


def mixed_photographs() -> list[np.ndarray]:
    """Sizes that share pyramids and sizes that do not, one too small, one above max_side."""
    sizes = [(64, 96), (65, 97), (48, 48), (64, 96), (5, 5), (200, 100), (63, 95), (64, 96), (48, 48)]
    rng = np.random.default_rng(1)
    return [rng.integers(0, 256, (*size, 3)).astype(np.uint8) for size in sizes]


def assert_same(found: LocalFeatures, expected: LocalFeatures, tolerance: float = 0) -> None:
    for name in ("locations_yx", "descriptors", "scores", "scales"):
        one, other = getattr(found, name), getattr(expected, name)
        assert one.shape == other.shape
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("batch_size", [1, 3])
def test_features_do_not_depend_on_the_company(model: keras.Model, batch_size: int) -> None:
    """Bit for bit: alone, among others, in another order."""
    pyramid = Pyramid(model, DelfConfig(scales=(0.5, 1.0), max_side=128), batch_size)
    images = mixed_photographs()
    alone = [pyramid.extract(image) for image in images]
    assert [len(features) for features in alone].count(0) == 1
    for order in (range(len(images)), np.random.default_rng(2).permutation(len(images))):
        together = list(pyramid.extract_many(images[row] for row in order))
        for row, features in zip(order, together, strict=True):
            assert_same(features, alone[row])


def test_features_depend_on_the_batch_size_by_rounding_alone(model: keras.Model) -> None:
    config = DelfConfig(scales=(0.5, 1.0), max_side=128)
    for image in mixed_photographs():
        assert_same(Pyramid(model, config, 4).extract(image), Pyramid(model, config, 1).extract(image), 1e-5)


def test_one_graph_serves_images_of_every_size(model: keras.Model) -> None:
    if keras.backend.backend() != "tensorflow":
        pytest.skip("traces are TensorFlow's")
    pyramid = Pyramid(model, DelfConfig())
    for size in ((64, 96), (130, 40), (77, 77)):
        pyramid.extract(textured(*size))
    assert pyramid._run.experimental_get_tracing_count() == 1


def test_refuses_an_empty_batch(model: keras.Model) -> None:
    with pytest.raises(ValueError, match="batch_size must be at least 1, got 0"):
        Pyramid(model, DelfConfig(), 0)
