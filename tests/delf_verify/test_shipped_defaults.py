"""The numbers that come with the package: delf_verify/defaults."""

import numpy as np
import pandas as pd

from delf_verify.decision import Thresholds, default_thresholds, probabilities
from delf_verify.sift import RootSift


def test_the_probability_belongs_to_the_features_of_today() -> None:
    """If this fails because the features changed, run benchmarks/verification_quality.py --write-default."""
    default_thresholds("sift").check_extractor(RootSift().fingerprint)
    assert default_thresholds("sift").extractor == RootSift().fingerprint


def test_the_numbers_are_those_of_seed_003() -> None:
    shipped, seed = default_thresholds("sift"), Thresholds()
    for name in ("max_inliers", "mean_inliers", "distractor_inliers", "confirmed_probability"):
        assert getattr(shipped, name) == getattr(seed, name)
    assert default_thresholds("sift:oriented") == default_thresholds("delf:somewhere") == seed


def test_few_inliers_are_improbable_and_many_are_not() -> None:
    table = pd.DataFrame({"num_inliers": [0, 5, 30, 200], "inlier_ratio": [0, 0.03, 0.15, 0.6], "spread": 0.3})
    found = probabilities(table.assign(spread=[0.0, 0.05, 0.2, 0.4]), default_thresholds("sift"))
    assert (np.diff(found) > 0).all()
    assert found[0] < 0.2
    assert found[1] < 0.5
    assert found[2] > 0.9
