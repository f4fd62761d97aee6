import re

import pytest

from delf_verify.decision import Thresholds, Verdict, decide
from delf_verify.evidence import ImageEvidence, QueryEvidence
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
