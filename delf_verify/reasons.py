"""Says in words why a prediction got its verdict."""

import math

from delf_verify.decision import Thresholds, Verdict, is_calibrated
from delf_verify.evidence import QuerySummary


def explain(evidence: QuerySummary, verdict: Verdict, thresholds: Thresholds, probability: float = float("nan")) -> str:
    """One sentence that names the numbers that decided.

    Args:
        evidence: on the prediction, of at least one compared image.
        verdict: what `delf_verify.decision.decide` made of it.
        thresholds: by which.
        probability: of `delf_verify.decision.probabilities`, if the verdict was made with it.
    """
    if is_calibrated(thresholds, probability):
        return _explain_probability(evidence, verdict, thresholds, probability)
    largest, mean = evidence.max_inliers, evidence.mean_inliers
    images = f"{evidence.num_images} index image{'s' if evidence.num_images != 1 else ''}"
    if verdict is Verdict.CONFIRMED and largest >= thresholds.max_inliers:
        return (
            f"image {evidence.best_image_id} agrees in {largest:.0f} places, at least the "
            f"{thresholds.max_inliers:g} that confirm"
        )
    if verdict is Verdict.CONFIRMED:
        return f"{images} agree in {mean:.1f} places on average, above the {thresholds.mean_inliers:g} that confirm"
    best = f"the best of {images} agrees in {largest:.0f} places ({thresholds.max_inliers:g} would confirm)"
    if verdict is Verdict.DISTRACTOR:
        return f"{best} and the mean of {mean:.1f} is below {thresholds.distractor_inliers:g}: no landmark in sight"
    return (
        f"{best} and the mean of {mean:.1f} lies between {thresholds.distractor_inliers:g} and "
        f"{thresholds.mean_inliers:g}: another landmark"
    )


def _explain_probability(evidence: QuerySummary, verdict: Verdict, thresholds: Thresholds, probability: float) -> str:
    wanted = f"{thresholds.confirmed_probability:.4g}"
    # Cut, not rounded: what does not reach the wanted probability must not look as if it did.
    found = f"{math.floor(probability * 10_000) / 10_000:.4f}"
    best = (
        f"image {evidence.best_image_id} agrees in {evidence.max_inliers:.0f} places, {evidence.inlier_ratio:.0%} of "
        f"those that look alike, over {evidence.spread:.0%} of the features' area"
    )
    if verdict is Verdict.CONFIRMED:
        return f"right with probability {found}, at least the {wanted} that confirms: {best}"
    count = f"{evidence.num_images} index image{'s' if evidence.num_images != 1 else ''}"
    said = f"right with probability {found} only ({wanted} would confirm): of {count} the best, {best}"
    mean, third = evidence.mean_inliers, thresholds.distractor_inliers
    if verdict is Verdict.DISTRACTOR:
        return f"{said}; the mean of {mean:.1f} is below {third:g}: no landmark in sight"
    return f"{said}; the mean of {mean:.1f} is not below {third:g}: another landmark"
