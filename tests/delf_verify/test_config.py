import pytest

from delf_verify.config import VerifyConfig, check_features, default_config
from delf_verify.decision import Thresholds


def test_the_defaults_of_delf_are_those_of_seed_003() -> None:
    config = default_config("delf:somewhere")
    assert (config.matching.num_neighbors, config.matching.max_distance) == (10, 0.8)
    assert (config.geometry.residual_px, config.geometry.trials) == (20, 1000)
    assert config.thresholds == Thresholds(max_inliers=25, mean_inliers=8, distractor_inliers=5)
    assert config.max_index_images is None


def test_sift_gets_the_ratio_test() -> None:
    for features in ("sift", "sift:oriented"):
        matching = default_config(features).matching
        assert matching.mutual
        assert matching.ratio is not None
        assert matching.max_distance is None


def test_maps_from_single_matches_are_for_upright_features() -> None:
    """Such a map has no turn."""
    assert default_config("sift").geometry.engine == "scales"
    for features in ("sift:oriented", "delf:somewhere", "savedmodel:somewhere"):
        assert default_config(features).geometry.engine == "batched"


def test_thresholds_are_no_part_of_the_evidence() -> None:
    config = VerifyConfig()
    other = config.with_thresholds(Thresholds(max_inliers=3))
    assert config.evidence_settings() == other.evidence_settings()
    assert VerifyConfig(max_index_images=3).evidence_settings() != config.evidence_settings()


def test_another_residual_is_other_evidence() -> None:
    config = default_config("sift").with_residual(8)
    assert config.geometry.residual_px == 8
    assert config.matching == default_config("sift").matching
    assert config.evidence_settings() != default_config("sift").evidence_settings()
    with pytest.raises(ValueError, match=r"geometry\.residual_px"):
        config.with_residual(0)


def test_bad_values_are_refused() -> None:
    with pytest.raises(ValueError, match="max_index_images=0: give at least 1"):
        VerifyConfig(max_index_images=0)
    for features in ("surf", "delf:", "savedmodel:", "sift:", "sift:upright", ""):
        with pytest.raises(ValueError, match="give 'sift', 'sift:oriented', 'delf:DIR'"):
            check_features(features)
