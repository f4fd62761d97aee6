import numpy as np
import pytest

from delf_verify.config import VerifyConfig, default_config
from delf_verify.evidence import ImageEvidence, QueryEvidence, match_image, match_images, verify_query
from delf_verify.features import LocalFeatures
from delf_verify.matching import AggregatedIndex


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
