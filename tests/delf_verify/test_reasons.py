import re

import pytest

from delf_verify.decision import Thresholds, Verdict, decide
from delf_verify.evidence import ImageEvidence, QueryEvidence
from delf_verify.probability import ProbabilityModel
from delf_verify.reasons import explain


@pytest.mark.parametrize(
    ("inliers", "verdict", "reason"),
    [
        ((30, 2), Verdict.CONFIRMED, "image i0 agrees in 30 places, at least the 25 that confirm"),
        ((10, 9), Verdict.CONFIRMED, "2 index images agree in 9.5 places on average, above the 8 that confirm"),
        ((12, 2), Verdict.WRONG, "agrees in 12 places .25 would confirm. and the mean of 7.0 lies between 5 and 8"),
        ((3,), Verdict.DISTRACTOR, "the best of 1 index image agrees in 3 places .* mean of 3.0 is below 5"),
    ],
)
def test_the_numbers_that_decided_are_named(inliers: tuple[int, ...], verdict: Verdict, reason: str) -> None:
    images = tuple(ImageEvidence(f"i{number}", 50, count, 0.5) for number, count in enumerate(inliers))
    evidence = QueryEvidence.of(images)
    assert decide(evidence.max_inliers, evidence.mean_inliers, Thresholds()) is verdict
    assert re.search(reason, explain(evidence, verdict, Thresholds()))


SPREAD_ONLY = ProbabilityModel(
    method="logistic", inputs=("spread",), coefficients=(4.0,), lows=(0.0,), highs=(1.0,), intercept=-2.0
)


@pytest.mark.parametrize(
    ("inliers", "probability", "verdict", "reason"),
    [
        ((2,), 0.9, Verdict.CONFIRMED, "probability 0.9000, at least the 0.9 that confirms: image i0 agrees in 2 pl"),
        ((3, 40), 0.89999, Verdict.WRONG, "probability 0.8999 only .0.9 would confirm.: of 2 index images the best, i"),
        ((3, 40), 0.1, Verdict.WRONG, "image i1 agrees in 40 places, 80% of .* over 25% of .* 21.5 is not below 5"),
        ((4,), 0.2, Verdict.DISTRACTOR, "of 1 index image the best, .* mean of 4.0 is below 5: no landmark in sight"),
    ],
)
def test_a_probability_that_decided_is_named(
    inliers: tuple[int, ...], probability: float, verdict: Verdict, reason: str
) -> None:
    images = tuple(ImageEvidence(f"i{number}", 50, count, 0.25) for number, count in enumerate(inliers))
    evidence, thresholds = QueryEvidence.of(images), Thresholds(pair=SPREAD_ONLY, confirmed_probability=0.9)
    assert decide(evidence.max_inliers, evidence.mean_inliers, thresholds, probability) is verdict
    assert re.search(reason, explain(evidence, verdict, thresholds, probability))


def test_without_a_probability_the_inliers_are_named() -> None:
    """Also where one would decide: it may be unknown for a prediction."""
    evidence = QueryEvidence.of((ImageEvidence("i0", 50, 30, 0.25),))
    thresholds = Thresholds(pair=SPREAD_ONLY, confirmed_probability=0.9)
    assert "at least the 25 that confirm" in explain(evidence, Verdict.CONFIRMED, thresholds)
