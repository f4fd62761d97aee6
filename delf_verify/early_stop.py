"""Stops comparing a query once it is confirmed whatever the remaining index images say.

After k of n images, in a fixed order, every completion has at least this evidence: the largest count so far; as mean
the sum of the counts so far over n; an inlier ratio and a spread of 0, since a later image may become the best one.
Every rule confirms more readily with more inliers, ratio or spread (the coefficients of a fit are never negative), so a
rule that confirms this lower bound confirms the whole, and what was seen so far as well, whose mean is over k only. A
query that is never confirmed is compared with all images. Verdicts are therefore those of the full comparison; the
counts of a stopped query are those of the images that were compared.
"""

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from delf_verify.config import VerifyConfig
from delf_verify.decision import Thresholds, Verdict, decide, probabilities
from delf_verify.evidence import ImageEvidence, QueryEvidence, each_image
from delf_verify.evidence_rows import DECIMALS
from delf_verify.features import LocalFeatures
from delf_verify.matching import AggregatedIndex

# A float function of a sum may fall by a rounding error where its argument grows.
_ROUNDING = 1e-9


def verify_until_confirmed(
    query: LocalFeatures, index: AggregatedIndex, config: VerifyConfig, score: float
) -> QueryEvidence:
    """Compares a query with index images, in their order, until its verdict is certain to be `confirmed`.

    Args:
        query: the query's features.
        index: the features of the landmark's index images.
        config: matching, geometry and thresholds.
        score: the prediction's, NaN if unknown; a fit may use it.
    """
    images: list[ImageEvidence] = []
    for image in each_image(query, index, config):
        images.append(image)
        # An image without inliers does not raise the bound.
        if image.num_inliers and surely_confirmed(images, len(index), config.thresholds, score):
            break
    return QueryEvidence.of(tuple(images))


def surely_confirmed(images: Sequence[ImageEvidence], total: int, thresholds: Thresholds, score: float) -> bool:
    """Whether a prediction will be confirmed whatever the images that are not compared yet say.

    Args:
        images: compared so far, at least one.
        total: how many there are in all.
        thresholds: the decision rule.
        score: the prediction's; NaN if unknown.
    """
    inliers = [image.num_inliers for image in images]
    largest, mean = float(max(inliers)), round(sum(inliers) / total, DECIMALS)
    wanted = thresholds.confirmed_probability
    if wanted is None:
        return decide(largest, mean, thresholds) is Verdict.CONFIRMED
    bound = {"max_inliers": largest, "mean_inliers": mean, "inlier_ratio": 0.0, "spread": 0.0, "score": score}
    probability = float(probabilities(pd.DataFrame([bound]), thresholds)[0])
    careful = replace(thresholds, confirmed_probability=min(1.0, wanted + _ROUNDING))
    return decide(largest, mean, careful, probability) is Verdict.CONFIRMED
