"""The number of inliers from which two photographs show the same place, from labelled pairs."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from delf_verify.decision import Thresholds
from delf_verify.tuning import SEED_RATIO, BoolArray, TuningResult, boundaries
from tfrecords_builder.terminal import CheckFailed


def tune_pairs(
    inliers: NDArray[np.integer],
    same: BoolArray,
    *,
    precision: float | None = None,
    recall: float | None = None,
    extractor: str = "",
) -> TuningResult:
    """Returns the number of inliers from which two photographs show the same place, from labelled pairs.

    With a wanted precision, the threshold of the highest recall that has it; with a wanted recall, the threshold of
    the highest precision that has it. One image is compared, so mean and maximum are one number: both thresholds are
    set to it, and the third keeps the seed's ratio.

    Args:
        inliers: [N] int.
        same: [N] bool.
        precision: wanted share of same pairs among those accepted, in (0, 1].
        recall: wanted share of the same pairs that are accepted, in (0, 1].
        extractor: fingerprint of the features, kept in the thresholds.

    Raises:
        ValueError: not exactly one wish, a wish out of range, or pairs of one kind only.
        CheckFailed: no threshold reaches the precision.
    """
    wish = precision if precision is not None else recall
    if wish is None or (precision is not None and recall is not None) or not 0 < wish <= 1:
        raise ValueError(f"give either precision or recall in (0, 1], got precision={precision}, recall={recall}")
    inliers, same = np.asarray(inliers), np.asarray(same, dtype=bool)
    if same.all() or not same.any():
        raise ValueError(f"{len(same)} labelled pairs of one kind only: tuning needs pairs of both kinds")
    cuts = boundaries(inliers.astype(np.float64), whole=True)
    precisions, recalls, false_kept = _rates(inliers[None, :] >= cuts[:, None], same)
    good, aim = (precisions >= wish, recalls) if precision is not None else (recalls >= wish, precisions)
    if not good.any():
        raise CheckFailed(
            f"no threshold reaches precision {wish}: the best is {precisions.max():.3f}; "
            "ask for less or use better features"
        )
    # Among equals the lower threshold, which accepts more.
    chosen = int(np.flatnonzero(good)[np.argmax(aim[good])])
    table = pd.DataFrame({"max_inliers": cuts, "mean_inliers": cuts, "objective": precisions, "true_kept": recalls})
    table = table.assign(false_kept=false_kept, allowed=good, chosen=np.arange(len(cuts)) == chosen)
    cut = float(cuts[chosen])
    return TuningResult(
        thresholds=Thresholds(
            max_inliers=cut, mean_inliers=cut, distractor_inliers=cut * SEED_RATIO, extractor=extractor
        ),
        table=table,
        objective=float(precisions[chosen]),
        objective_all_kept=float(same.mean()),
        true_kept=float(recalls[chosen]),
        false_kept=float(false_kept[chosen]),
    )


def _rates(accepted: BoolArray, same: BoolArray) -> tuple[NDArray[np.float64], ...]:
    """Precision, recall and share of the other pairs accepted, for every row of `accepted` [thresholds, pairs].

    Where nothing is accepted the precision is 0: such a threshold is never what was wished for.
    """
    right = accepted[:, same].sum(axis=1)
    return right / np.maximum(accepted.sum(axis=1), 1), accepted[:, same].mean(axis=1), accepted[:, ~same].mean(axis=1)
