import re

import cv2
import numpy as np
import pytest

from delf_verify.geometry import GeometryConfig, estimate_geometry
from delf_verify.matching import MatchingConfig, match_pair
from delf_verify.sift import RootSift, SiftConfig


def texture(seed: int = 0, height: int = 240, width: int = 320) -> np.ndarray:
    """A picture [H, W, 3] uint8 with structure at several sizes."""
    rng = np.random.default_rng(seed)
    canvas = np.zeros((height, width), np.float32)
    for step in (6, 13, 30):
        coarse = rng.normal(size=(height // step + 2, width // step + 2)).astype(np.float32)
        canvas += cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.repeat(np.clip(128 + 45 * canvas, 0, 255).astype(np.uint8)[..., None], 3, axis=2)


def blob(y: float, x: float, size: int = 201) -> np.ndarray:
    rows, columns = np.mgrid[:size, :size]
    light = 255 * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * 6.0**2))
    return np.repeat(light.astype(np.uint8)[..., None], 3, axis=2)


@pytest.mark.parametrize("upright", [False, True])
def test_descriptors_are_rooted_l1_histograms(upright: bool) -> None:
    features = RootSift(SiftConfig(upright=upright)).extract(texture())
    assert len(features) > 100
    assert features.descriptors.shape[1] == 128
    np.testing.assert_allclose(np.square(features.descriptors).sum(axis=1), 1, rtol=1e-5)
    assert (features.descriptors >= 0).all()
    assert (np.diff(features.scores) <= 0).all()


def test_descriptors_are_those_of_opencv() -> None:
    """Independently: OpenCV's own SIFT of the grey picture at the reported place, then L1 and square root."""
    image = texture(3)
    features = RootSift(SiftConfig(max_features=40)).extract(image)
    sift = cv2.SIFT_create(enable_precise_upscale=True, contrastThreshold=0.01)
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    places = {(round(p.pt[1], 2), round(p.pt[0], 2), round(p.size, 2)): p for p in sift.detect(grey)}
    for i in range(len(features)):
        y, x = features.locations_yx[i]
        keypoint = places[(round(float(y), 2), round(float(x), 2), round(float(features.scales[i]), 2))]
        keypoint.angle = 0.0
        _, described = sift.compute(grey, [keypoint])
        np.testing.assert_allclose(features.descriptors[i], np.sqrt(described[0] / described[0].sum()), atol=1e-6)


@pytest.mark.parametrize("factor", [1.0, 2.0, 2.5])
def test_locations_are_pixels_of_the_original_image(factor: float) -> None:
    """The centre of pixel (y, x) is (y, x) before and after the picture is reduced."""
    size = 400
    features = RootSift(SiftConfig(max_side=int(size / factor))).extract(
        cv2.GaussianBlur(blob(180, 230, size), (0, 0), 3)
    )
    np.testing.assert_allclose(features.locations_yx[0], [180, 230], atol=0.12 * factor)


def test_strongest_features_are_kept() -> None:
    every = RootSift(SiftConfig(max_features=5000)).extract(texture())
    some = RootSift(SiftConfig(max_features=50)).extract(texture())
    assert len(some) == 50
    np.testing.assert_array_equal(some.locations_yx, every.locations_yx[:50])
    # OpenCV begins the pyramid at the finest octave of the places it is given, hence no equality to the bit.
    np.testing.assert_allclose(some.descriptors, every.descriptors[:50], atol=0.03)


def test_upright_features_have_places_of_their_own_and_oriented_ones_may_share_them() -> None:
    def places(upright: bool) -> list[tuple]:
        features = RootSift(SiftConfig(upright=upright)).extract(texture())
        return [tuple(row) for row in np.column_stack([features.locations_yx, features.scales]).tolist()]

    assert len(set(places(True))) == len(places(True))
    assert len(set(places(False))) < len(places(False))


@pytest.mark.parametrize(("upright", "degrees"), [(True, 8), (False, 8), (False, 90)])
def test_a_turned_picture_matches(upright: bool, degrees: float) -> None:
    image = texture()
    matrix = cv2.getRotationMatrix2D((160, 120), degrees, 1.0)
    turned = cv2.warpAffine(image, matrix, (320, 240), borderMode=cv2.BORDER_REFLECT)
    extractor = RootSift(SiftConfig(upright=upright))
    a, b = extractor.extract(image), extractor.extract(turned)
    matches = match_pair(a, b, MatchingConfig(max_distance=None, ratio=0.9, mutual=True))
    result = estimate_geometry(
        a.locations_yx[matches.query_indices], b.locations_yx[matches.index_indices], GeometryConfig(residual_px=4)
    )
    assert result.num_inliers > 50
    # The matrix is in (y, x): OpenCV's (x, y) with both axes exchanged.
    expected = matrix[::-1][:, [1, 0, 2]]
    np.testing.assert_allclose(result.matrix[:, :2], expected[:, :2], atol=0.02)
    np.testing.assert_allclose(result.matrix[:, 2], expected[:, 2], atol=2)


@pytest.mark.parametrize("upright", [False, True])
@pytest.mark.parametrize("shape", [(1, 1), (1, 400), (3, 3), (8, 8), (2000, 3), (60, 60)])
def test_nothing_to_see_is_a_normal_outcome(upright: bool, shape: tuple[int, int]) -> None:
    features = RootSift(SiftConfig(upright=upright)).extract(np.full((*shape, 3), 90, np.uint8))
    assert len(features) == 0
    assert features.descriptors.shape == (0, 128)


@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (1, 3000), (4000, 2), (9, 9)])
def test_tiny_and_thin_pictures_do_no_harm(shape: tuple[int, int]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (*shape, 3)).astype(np.uint8)
    for upright in (False, True):
        features = RootSift(SiftConfig(upright=upright)).extract(noise)
        assert np.isfinite(features.descriptors).all()


def test_the_number_of_threads_does_not_matter() -> None:
    threads = cv2.getNumThreads()
    found = []
    try:
        for count in (1, 4):
            cv2.setNumThreads(count)
            found.append(RootSift().extract(texture(1)))
    finally:
        cv2.setNumThreads(threads)
    for name in ("locations_yx", "descriptors", "scores", "scales"):
        np.testing.assert_array_equal(getattr(found[0], name), getattr(found[1], name))


def test_every_setting_enters_the_fingerprint() -> None:
    configs = [
        SiftConfig(),
        SiftConfig(max_features=100),
        SiftConfig(max_side=512),
        SiftConfig(contrast_threshold=0.04),
        SiftConfig(upright=False),
    ]
    fingerprints = {RootSift(config).fingerprint for config in configs}
    assert len(fingerprints) == len(configs) == len(SiftConfig.__dataclass_fields__) + 1
    assert RootSift().fingerprint == RootSift(SiftConfig()).fingerprint
    assert all(re.fullmatch(r"rootsift-v1-[0-9a-f]{16}", fingerprint) for fingerprint in fingerprints)


def test_the_fingerprint_of_the_default_is_pinned() -> None:
    """If this fails because the features changed, raise sift._VERSION; stores on disk depend on it."""
    assert RootSift().fingerprint == "rootsift-v1-5bd76ee0b30420aa"


@pytest.mark.parametrize(
    "image", [np.zeros((9, 9), np.uint8), np.zeros((9, 9, 4), np.uint8), np.zeros((9, 9, 3)), np.zeros((0, 9, 3), "u1")]
)
def test_other_arrays_are_refused(image: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"an image must be \[H, W, 3\] uint8, got"):
        RootSift().extract(image)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"max_features": 0}, "sift.max_features must be at least 1, got 0"),
        ({"max_side": 8}, "sift.max_side must be at least 16 pixels, got 8"),
        ({"contrast_threshold": -0.1}, r"sift.contrast_threshold must lie in \[0, 1\), got -0.1"),
    ],
)
def test_bad_settings_are_refused(settings: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SiftConfig(**settings)
