"""Says in words why a prediction got its verdict."""

from delf_verify.decision import Thresholds, Verdict
from delf_verify.evidence import QuerySummary


def explain(evidence: QuerySummary, verdict: Verdict, thresholds: Thresholds) -> str:
    """One sentence that names the numbers that decided.

    Args:
        evidence: on the prediction, of at least one compared image.
        verdict: what `delf_verify.decision.decide` made of it.
        thresholds: by which.
    """
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
