"""What tuning leaves behind: the thresholds, the sweep as a table, and two plots."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from delf_verify.decision import save_thresholds
from delf_verify.plots import inlier_histogram, threshold_sweep
from delf_verify.tuning import TuningResult
from tfrecords_builder.atomic import atomic_write


def write_tuning(
    out: Path, result: TuningResult, *, inliers: NDArray[np.floating], is_true: NDArray[np.bool_], objective: str
) -> list[Path]:
    """Writes `out` (thresholds, YAML) and beside it NAME_sweep.csv, NAME_sweep.png and NAME_inliers.png.

    Args:
        out: the YAML file.
        result: of the tuning.
        inliers: [N] float, largest number of inliers of the labelled predictions.
        is_true: [N] bool, their labels.
        objective: what was maximised, for the plot.

    Returns:
        The files written.

    Raises:
        OSError: the folder cannot be written.
    """
    table, sweep, histogram = (
        out.with_name(f"{out.stem}_{name}") for name in ("sweep.csv", "sweep.png", "inliers.png")
    )
    with atomic_write(table, newline="") as file:
        result.table.round(6).to_csv(file, index=False, lineterminator="\n")
    with atomic_write(sweep, "wb") as file:
        file.write(threshold_sweep(result.table, result.thresholds, objective=objective))
    with atomic_write(histogram, "wb") as file:
        file.write(inlier_histogram(inliers, is_true, result.thresholds.max_inliers))
    save_thresholds(result.thresholds, out)
    return [out, table, sweep, histogram]
