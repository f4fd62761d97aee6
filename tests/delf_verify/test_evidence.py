from typing import Literal

import cv2
import numpy as np
import pytest

from delf_verify.config import VerifyConfig, default_config
from delf_verify.evidence import ImageEvidence, QueryEvidence, match_image, match_images, verify_query
from delf_verify.features import LocalFeatures
from delf_verify.geometry import GeometryConfig, estimate_geometry, in_original_pixels
from delf_verify.matching import AggregatedIndex
from delf_verify.sift import RootSift


def features(seed: int, count: int = 60) -> LocalFeatures:
    generator = np.random.default_rng(seed)
    descriptors = generator.normal(size=(count, 16))
    descriptors /= np.linalg.norm(descriptors, axis=1, keepdims=True)
    return LocalFeatures(generator.uniform(0, 400, (count, 2)), descriptors, np.ones(count), np.ones(count))


def moved(original: LocalFeatures) -> LocalFeatures:
    return LocalFeatures(original.locations_yx * 1.1 + 7, original.descriptors, original.scores, original.scales)


@pytest.mark.parametrize("config", [VerifyConfig(), default_config("sift")])
def test_a_moved_copy_is_found_among_strangers(config: VerifyConfig) -> None:
    query = features(0)
    index = AggregatedIndex(["stranger", "copy", "none"], [features(1), moved(query), LocalFeatures.empty(16)])
    evidence = verify_query(query, index, config)
    assert evidence.best_image_id == "copy"
    assert evidence.max_inliers >= 55
    assert evidence.inlier_ratio > 0.9 and evidence.spread > 0.9
    assert [image.image_id for image in evidence.images] == ["stranger", "copy", "none"]
    assert evidence.images[2] == ImageEvidence("none", 0, 0, 0.0)
    assert evidence.mean_inliers == pytest.approx(np.mean([image.num_inliers for image in evidence.images]))
    one, all_of_them = match_image(query, index, "copy", config), match_images(query, index, config)[1]
    np.testing.assert_array_equal(one.geometry.inlier_mask, all_of_them.geometry.inlier_mask)


def test_no_images_is_not_zero_inliers() -> None:
    evidence = verify_query(features(0), AggregatedIndex([], []), VerifyConfig())
    assert np.isnan(evidence.max_inliers) and np.isnan(evidence.mean_inliers)
    assert np.isnan(evidence.inlier_ratio) and np.isnan(evidence.spread)
    assert evidence.best_image_id == ""


def test_a_query_without_features_has_zero_inliers() -> None:
    evidence = verify_query(LocalFeatures.empty(16), AggregatedIndex(["a"], [features(1)]), VerifyConfig())
    assert (evidence.max_inliers, evidence.mean_inliers, evidence.inlier_ratio, evidence.spread) == (0, 0, 0, 0)


def test_the_best_of_equals_has_more_matches_then_the_first_id() -> None:
    images = (
        ImageEvidence("c", 20, 9, 0.3),
        ImageEvidence("b", 30, 9, 0.9),
        ImageEvidence("a", 30, 9, 0.2),
        ImageEvidence("d", 99, 8, 1.0),
    )
    evidence = QueryEvidence.of(images)
    assert (evidence.best_image_id, evidence.inlier_ratio, evidence.spread) == ("a", 9 / 30, 0.2)


def test_a_photograph_that_was_reduced_counts_in_the_pixels_that_were_seen() -> None:
    """A view of 700 px against itself and against a copy six times as large, which is reduced to 1024 px first."""
    generator, (height, width) = np.random.default_rng(3), (500, 700)
    canvas = np.zeros((height, width), np.float32)
    for step in (6, 14, 30):
        coarse = generator.normal(size=(height // step + 2, width // step + 2)).astype(np.float32)
        canvas += cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    view = np.repeat(np.clip(128 + 40 * canvas, 0, 255).astype(np.uint8)[..., None], 3, axis=2)
    large = cv2.resize(view, (6 * width, 6 * height), interpolation=cv2.INTER_CUBIC)
    extractor, config = RootSift(), default_config("sift")
    query, same, big = (extractor.extract(image) for image in (view, view, large))
    assert big.pixel_size == pytest.approx(6 * width / 1024, rel=1e-3)
    (plain,) = match_images(query, AggregatedIndex(["i"], [same]), config)
    (found,) = match_images(query, AggregatedIndex(["i"], [big]), config)
    assert found.geometry.num_inliers > 0.3 * plain.geometry.num_inliers > 30
    matrix = found.geometry.matrix
    assert matrix is not None
    # The whole scale of six, which is beyond max_scale, and pixel centres kept: y' + 0.5 = 6 (y + 0.5).
    np.testing.assert_allclose(matrix[:, :2], 6 * np.eye(2), atol=0.05)
    np.testing.assert_allclose(matrix[:, 2], 2.5, atol=6)


@pytest.mark.parametrize("model", ["affine", "homography", "fundamental"])
def test_matrices_are_given_in_original_pixels(model: Literal["affine", "homography", "fundamental"]) -> None:
    generator = np.random.default_rng(0)
    query = np.column_stack([generator.uniform(0, 900, (60, 2)), np.ones(60)])
    index = (
        query[:, :2] * 0.8 + [40, 7] + (0 if model != "fundamental" else generator.uniform(0, 90, (60, 1)) * [1, 0.2])
    )
    config = GeometryConfig(model=model)
    found = estimate_geometry(query[:, :2] / 3, index / 1.5, config)
    matrix = in_original_pixels(found, config, 3, 1.5).matrix
    assert matrix is not None and found.num_inliers > 50
    if model == "fundamental":
        lines = query @ matrix.T
        off = (lines * np.column_stack([index, np.ones(60)])).sum(axis=1) / np.hypot(lines[:, 0], lines[:, 1])
        assert np.median(np.abs(off)) < 3
    else:
        mapped = query @ matrix.T
        np.testing.assert_allclose(mapped[:, :2] / (mapped[:, 2:] if model == "homography" else 1), index, atol=0.5)
