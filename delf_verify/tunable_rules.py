"""The two decision rules as something whose thresholds can be chosen on any part of a labelled sample."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd

from delf_verify.aims import Aim
from delf_verify.cross_validation import INNER_FOLDS, held_out_probabilities, splits_of
from delf_verify.labelled_sample import LabelledSample
from delf_verify.probability import Method, fit_probability
from delf_verify.threshold_grid import BoolArray, FloatArray, ThresholdGrid, inlier_boundaries, probability_boundaries


@dataclass(frozen=True, eq=False)
class Choice:
    """What a rule chose on some rows of a sample.

    Attributes:
        cuts: the thresholds: largest and mean number of inliers, or the probability and infinity.
        table: the sweep, with a column that marks the chosen row.
        kept: [N] bool, what the thresholds keep of the whole sample.
    """

    cuts: tuple[float, float]
    table: pd.DataFrame
    kept: BoolArray


class TunableRule(Protocol):
    """A decision rule whose thresholds can be chosen on any part of a sample."""

    def choose(self, aim: Aim, rows: BoolArray, *, strict: bool) -> Choice | None:
        """Tunes on the rows [N]; None where they allow no choice."""
        ...


@dataclass(frozen=True, eq=False)
class InlierRule:
    """Kept if the largest number of inliers is at least X or the mean above M; of pairs X alone.

    Attributes:
        sample: the evidence.
    """

    sample: LabelledSample

    def choose(self, aim: Aim, rows: BoolArray, *, strict: bool) -> Choice | None:
        """See `TunableRule`."""
        largest, mean = self.sample.numbers("max_inliers"), self.sample.numbers("mean_inliers")
        if np.isnan(largest[rows]).all():
            return None
        unknown = aim.keeps_unknown
        if self.sample.pairs:
            cuts = inlier_boundaries(largest[rows])
            grid = ThresholdGrid.of_one("max_inliers", largest[rows], cuts, keep_unknown=unknown)
        else:
            grid = ThresholdGrid.of_inliers(largest[rows], mean[rows], keep_unknown=unknown)
        pair, table = aim.choose(grid, rows, strict=strict)
        first, second = grid.cuts(pair)
        kept = (largest >= first) | (mean > second) | (np.isnan(largest) & unknown)
        table["chosen"] = np.arange(len(table)) == pair
        return Choice((first, second), table, kept)


@dataclass(frozen=True, eq=False)
class ProbabilityRule:
    """Kept if the probability is at least P, chosen on probabilities by fits that have not seen the row.

    Attributes:
        sample: the evidence.
        method: of the fit.
        seed: deals the units to folds.
        folds: for the whole sample; its parts are split into INNER_FOLDS.
    """

    sample: LabelledSample
    method: Method
    seed: int
    folds: int

    def held_out(self, rows: BoolArray) -> FloatArray:
        """[N] probabilities of the rows by fits that have not seen their units; NaN elsewhere."""
        sample, inputs = self.sample, self.sample.inputs()
        if not sample.can_fit(inputs, rows):
            return np.full(len(rows), np.nan)
        splits = splits_of(
            sample.units, sample.is_true, rows, folds=self.folds if rows.all() else INNER_FOLDS, seed=self.seed
        )
        return held_out_probabilities(sample.with_pair_inputs(), sample.is_true, inputs, self.method, splits)

    def choose(self, aim: Aim, rows: BoolArray, *, strict: bool) -> Choice | None:
        """See `TunableRule`."""
        inputs, probability = self.sample.inputs(), self.held_out(rows)
        if np.isnan(probability).all():
            return None
        # Rows that could have a probability but were in no test part say nothing about the threshold.
        table = self.sample.with_pair_inputs()
        complete = np.isfinite(table[list(inputs)].to_numpy(np.float64, na_value=np.nan)).all(axis=1)
        model = fit_probability(table[rows], self.sample.is_true[rows], inputs, self.method)
        rows = rows & ~(complete & np.isnan(probability))
        if not self.sample.is_true[rows].any():
            return None
        cuts = probability_boundaries(probability[rows])
        grid = ThresholdGrid.of_one("probability", probability[rows], cuts, keep_unknown=aim.keeps_unknown)
        pair, sweep = aim.choose(grid, rows, strict=strict)
        sweep["chosen"] = np.arange(len(sweep)) == pair
        found = model.predict(table)
        cut = grid.cuts(pair)[0]
        return Choice(grid.cuts(pair), sweep, (found >= cut) | (np.isnan(found) & aim.keeps_unknown))
