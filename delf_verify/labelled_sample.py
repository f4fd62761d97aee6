"""Evidence whose truth is known, to tune on."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from delf_verify.probability import PAIR_INPUTS, QUERY_INPUTS
from delf_verify.threshold_grid import BoolArray, FloatArray


@dataclass(frozen=True, eq=False, kw_only=True)
class LabelledSample:
    """Evidence whose truth is known.

    Attributes:
        table: columns max_inliers and mean_inliers, and for the calibrated rule inlier_ratio, spread and perhaps
            score, N rows; NaN where nothing was compared.
        is_true: [N] bool, whether the prediction is right.
        units: [N, 2] int, what belongs together; see `delf_verify.cross_validation`.
        pairs: whether the rows are bare pairs: mean and maximum are one number, and a pair has no score.
        is_distractor: [N] bool, whether the query shows no landmark; None: not known.
        extractor: fingerprint of the features, kept in the thresholds.

    Raises:
        ValueError: a column is missing, lengths differ, there is no true row, or nothing was compared.
    """

    table: pd.DataFrame
    is_true: BoolArray
    units: NDArray[np.int64]
    pairs: bool = False
    is_distractor: BoolArray | None = None
    extractor: str = ""

    def __post_init__(self) -> None:
        if missing := {"max_inliers", "mean_inliers"} - set(self.table.columns):
            raise ValueError(f"the evidence lacks the columns {sorted(missing)}; it has {list(self.table.columns)}")
        if not len(self.is_true) == len(self.units) == len(self.table):
            raise ValueError(f"{len(self.table)} rows of evidence but {len(self.is_true)} labels: give one a row")
        if not self.is_true.any():
            raise ValueError(
                f"none of the {len(self.is_true)} predictions is true, so there is nothing to keep: check the labels"
            )
        if np.isnan(self.numbers("max_inliers")).all():
            raise ValueError("no prediction was compared with any image, so there is nothing to tune on")

    def numbers(self, column: str) -> FloatArray:
        """A column [N] float64."""
        return self.table[column].to_numpy(np.float64, na_value=np.nan)

    def with_pair_inputs(self) -> pd.DataFrame:
        """The table with the best image's inliers under the name that fits of pairs use."""
        return self.table.assign(num_inliers=self.table["max_inliers"])

    def inputs(self) -> tuple[str, ...]:
        """Of the fit that the calibrated rule uses; none where the evidence does not allow one."""
        table = self.with_pair_inputs()
        names = [name for name in (PAIR_INPUTS if self.pairs else QUERY_INPUTS) if name in table.columns]
        names = [name for name in names if np.isfinite(table[name].to_numpy(np.float64, na_value=np.nan)).any()]
        return tuple(names) if {"inlier_ratio", "spread"} <= set(names) else ()

    def can_fit(self, inputs: Sequence[str], rows: BoolArray) -> bool:
        """Whether there is complete evidence of both kinds among the rows."""
        columns = self.with_pair_inputs()[list(inputs)].to_numpy(np.float64, na_value=np.nan)
        labels = self.is_true[rows & np.isfinite(columns).all(axis=1)]
        return bool(inputs) and bool(labels.any()) and not bool(labels.all())
