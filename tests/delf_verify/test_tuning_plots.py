import cv2
import numpy as np
import pandas as pd
import pytest

from delf_verify.aims import ObjectiveAim
from delf_verify.cross_validation import units_of_queries
from delf_verify.labelled_sample import LabelledSample
from delf_verify.tuning import TuningOptions, TuningResult, tune
from delf_verify.tuning_plots import inlier_histogram, threshold_sweeps


@pytest.fixture(scope="module")
def tuned() -> TuningResult:
    """Of queries, with distractors and a fit: all four panels."""
    generator = np.random.default_rng(0)
    is_true = np.arange(60) % 3 == 0
    largest = np.where(is_true, generator.integers(8, 60, 60), generator.integers(0, 12, 60)).astype(float)
    table = pd.DataFrame({"max_inliers": largest, "mean_inliers": largest / 3, "inlier_ratio": largest / 100})
    sample = LabelledSample(
        table=table.assign(spread=0.5, score=generator.random(60)),
        is_true=is_true,
        units=units_of_queries([str(n) for n in range(60)]),
        is_distractor=np.arange(60) % 3 == 1,
    )
    aim = ObjectiveAim(
        objective=lambda kept: float((kept & is_true).sum() - (kept & ~is_true).sum()) / 20, is_true=is_true, name="GAP"
    )
    return tune(sample, aim, TuningOptions(folds=2))


def test_every_threshold_has_its_panel(tuned: TuningResult) -> None:
    picture = threshold_sweeps(tuned)
    assert picture == threshold_sweeps(tuned)
    drawn = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR)
    height, width = drawn.shape[0] // 2, drawn.shape[1] // 2
    for top in (0, height):
        for left in (0, width):
            part = drawn[top : top + height, left : left + width]
            assert (part < 250).any(axis=2).mean() > 0.02, "an empty panel"


@pytest.mark.parametrize(
    ("inliers", "is_true"),
    [
        ([1.0, 5.0, np.nan, 40.0], [False, False, True, True]),
        ([3.0, 3.0], [False, True]),
        ([0.0, 2000.0], [False, True]),
        ([4.0], [True]),
        ([np.nan], [True]),
    ],
)
def test_histograms_of_any_sample_are_drawn(inliers: list[float], is_true: list[bool]) -> None:
    pictures = [inlier_histogram(np.array(inliers), np.array(is_true), 12) for _ in range(2)]
    assert pictures[0] == pictures[1]
    assert pictures[0].startswith(b"\x89PNG")
