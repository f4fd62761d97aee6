"""Thresholds from labelled pairs of photographs."""

from pathlib import Path

import numpy as np
import pandas as pd

from delf_verify.aims import RateAim
from delf_verify.cross_validation import units_of_pairs
from delf_verify.labelled_sample import LabelledSample
from delf_verify.threshold_grid import BoolArray
from delf_verify.tuning import TuningOptions, TuningResult, tune

# Columns of a CSV of pairs that say which pairs must not be separated.
PLACE_COLUMNS, GROUP_COLUMN = ("scene_a", "scene_b"), "group"


def read_places(path: Path) -> pd.DataFrame:
    """What a CSV of labelled pairs says about the places its photographs show.

    Args:
        path: of a CSV that `delf_verify.pair_files.read_labelled_pairs` accepts.

    Returns:
        Columns a and b (text), in the pairs' order: the places where there are the columns scene_a and scene_b, the
        group for both where there is a column group, else the photographs themselves.
    """
    table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    if set(PLACE_COLUMNS) <= set(table.columns):
        names = table[list(PLACE_COLUMNS)]
    elif GROUP_COLUMN in table.columns:
        names = table[[GROUP_COLUMN, GROUP_COLUMN]]
    else:
        names = table[["a", "b"]]
    return names.set_axis(["a", "b"], axis=1)


def pair_sample(scores: pd.DataFrame, same: BoolArray, places: pd.DataFrame, extractor: str = "") -> LabelledSample:
    """Labelled evidence from the scores of pairs.

    Args:
        scores: columns inliers, inlier_ratio and spread, as `delf_verify.pairs.score_pairs` gives them.
        same: [N] bool.
        places: columns a and b as `read_places` gives them, a row a pair.
        extractor: fingerprint of the features.

    Raises:
        ValueError: as `LabelledSample`.
    """
    inliers = scores["inliers"].to_numpy(np.float64)
    table = pd.DataFrame({"max_inliers": inliers, "mean_inliers": inliers})
    for column in ("inlier_ratio", "spread"):
        if column in scores:
            table[column] = scores[column].to_numpy(np.float64)
    same = np.asarray(same, dtype=bool)
    units = units_of_pairs(places["a"].tolist(), places["b"].tolist(), same)
    return LabelledSample(table=table, is_true=same, units=units, pairs=True, extractor=extractor)


def tune_pairs(
    sample: LabelledSample,
    *,
    precision: float | None = None,
    recall: float | None = None,
    options: TuningOptions | None = None,
) -> TuningResult:
    """Returns from which number of inliers, and from which probability, two photographs show the same place.

    With a wanted precision, the thresholds of the highest recall that have it; with a wanted recall, those of the
    highest precision that have it. One image is compared, so mean and maximum are one number: both thresholds are set
    to it, and the third keeps the seed's ratio.

    Args:
        sample: of `pair_sample`.
        precision: wanted share of same pairs among those accepted, in (0, 1].
        recall: wanted share of the same pairs that are accepted, in (0, 1].
        options: how to tune.

    Raises:
        ValueError: not exactly one wish, a wish out of range, or pairs of one kind only.
        CheckFailed: no threshold reaches the precision.
    """
    options = options or TuningOptions()
    aim = RateAim(is_true=sample.is_true, precision=precision, recall=recall, units=sample.units, seed=options.seed)
    return tune(sample, aim, options)
