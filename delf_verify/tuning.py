"""Tunes both decision rules on labelled evidence and says how much of the success is luck.

The rule of inliers keeps a prediction if its largest number of inliers x >= X or its mean number m > M (seed 003,
section 2.3), the calibrated rule if its probability p >= P; see `delf_verify.decision`. What "good" means is an
`delf_verify.aims.Aim`. Every choice, of X, M, P and of the fit of p, is made again in every part of a cross-validation
(`delf_verify.cross_validation`), so that the figures of the held-out rows are those of new data. P itself is chosen on
probabilities by fits that have not seen the row.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import pandas as pd

from delf_verify.aims import Aim, Figures
from delf_verify.cross_validation import FOLDS, splits_of
from delf_verify.decision import Thresholds
from delf_verify.labelled_sample import LabelledSample
from delf_verify.probability import PAIR_INPUTS, Method, ProbabilityModel, fit_probability
from delf_verify.threshold_grid import BoolArray, FloatArray, boundaries
from delf_verify.tunable_rules import InlierRule, ProbabilityRule, TunableRule
from tfrecords_builder.terminal import CheckFailed

Rule = Literal["best", "inliers", "probability"]
# distractor_inliers / mean_inliers in seed 003, for samples that cannot tell.
SEED_RATIO = 5.0 / 8.0


@dataclass(frozen=True, eq=False, kw_only=True)
class RuleTuning:
    """One rule, tuned.

    Attributes:
        cuts: the thresholds: largest and mean number of inliers, or the probability and infinity.
        table: the sweep: thresholds by name, objective, true_kept, false_kept, precision, allowed, chosen, …
        kept: [N] bool, what the rule keeps of the sample.
        in_sample: figures on the sample that it was tuned on: they flatter.
        held_out: figures of cross-validation; None where the sample cannot be split.
    """

    cuts: tuple[float, float]
    table: pd.DataFrame
    kept: BoolArray
    in_sample: Figures
    held_out: Figures | None


@dataclass(frozen=True, eq=False, kw_only=True)
class TuningResult:
    """Thresholds and how they were found.

    Attributes:
        thresholds: what was chosen, with the fits.
        rule: which one decides, "inliers" or "probability".
        inliers: the rule of inliers.
        probability: the calibrated rule; None where the sample allows none.
        all_kept: figures if nothing were dropped.
        distractors: of `distractor_sweep`.
        probabilities: [N] of every row by a fit that has not seen its units; NaN where there is none.
        folds: number of folds.
    """

    thresholds: Thresholds
    rule: str
    inliers: RuleTuning
    probability: RuleTuning | None
    all_kept: Figures
    distractors: pd.DataFrame
    probabilities: FloatArray
    folds: int

    @property
    def deciding(self) -> RuleTuning:
        """The rule that decides."""
        return self.probability if self.rule == "probability" and self.probability is not None else self.inliers


@dataclass(frozen=True, kw_only=True)
class TuningOptions:
    """How to tune.

    Attributes:
        rule: which rule shall decide; "best": the one that does better on held-out rows, of equals the inliers.
        method: of the fit.
        folds: of the cross-validation.
        seed: deals the units to folds.
    """

    rule: Rule = "best"
    method: Method = "logistic"
    folds: int = FOLDS
    seed: int = 0

    def __post_init__(self) -> None:
        for name, known in (("rule", get_args(Rule)), ("method", get_args(Method))):
            if getattr(self, name) not in known:
                raise ValueError(f"{name} {getattr(self, name)!r}: give one of {', '.join(known)}")
        if self.folds < 2:
            raise ValueError(f"folds={self.folds}: give at least 2")


def tune(sample: LabelledSample, aim: Aim, options: TuningOptions | None = None) -> TuningResult:
    """Returns the thresholds that serve the aim best.

    The third threshold separates distractors from wrong predictions among those dropped.

    Raises:
        ValueError: rule="probability" where the sample allows no fit.
        CheckFailed: the aim's wish is out of reach.
    """
    options = options or TuningOptions()
    everything = np.ones(len(sample.is_true), dtype=bool)
    calibrated = ProbabilityRule(sample, options.method, options.seed, options.folds)
    held_out = calibrated.held_out(everything)
    probability, missed = None, None
    if options.rule != "inliers" and np.isfinite(held_out).any():
        try:
            probability = _tuned(calibrated, sample, aim, options)
        except CheckFailed as error:
            missed = error
    if options.rule == "probability" and probability is None:
        raise missed or ValueError(
            "no probability can be fitted and cross-validated: it needs right and wrong rows, with inliers, ratio and "
            "spread, of at least two queries or three places"
        )
    # Where inliers alone do not reach the wish, a probability still may: their numbers are then the nearest ones.
    try:
        inliers, reached = _tuned(InlierRule(sample), sample, aim, options), True
    except CheckFailed:
        if probability is None:
            raise
        inliers, reached = _tuned(InlierRule(sample), sample, aim, options, strict=False), False
    rule = _deciding(inliers, probability, aim, options.rule) if reached else "probability"
    deciding = probability if rule == "probability" and probability is not None else inliers
    distractors = distractor_sweep(sample, deciding.kept, inliers.cuts[1])
    return TuningResult(
        thresholds=_thresholds(sample, inliers, deciding, distractors, options.method),
        rule=rule,
        inliers=inliers,
        probability=probability,
        all_kept=aim.figures(everything, everything),
        distractors=distractors,
        probabilities=held_out,
        folds=options.folds,
    )


def _tuned(
    rule: TunableRule, sample: LabelledSample, aim: Aim, options: TuningOptions, *, strict: bool = True
) -> RuleTuning:
    everything = np.ones(len(sample.is_true), dtype=bool)
    choice = rule.choose(aim, everything, strict=strict)
    if choice is None:
        raise ValueError(f"nothing to tune on: none of the {len(everything)} rows has evidence")
    kept, judged = np.zeros_like(everything), np.zeros_like(everything)
    for split in splits_of(sample.units, sample.is_true, everything, folds=options.folds, seed=options.seed):
        part = rule.choose(aim, split.train, strict=False)
        if part is not None:
            kept |= split.test & part.kept
            judged |= split.test
    usable = judged.any() and sample.is_true[judged].any()
    return RuleTuning(
        cuts=choice.cuts,
        table=choice.table,
        kept=choice.kept,
        in_sample=aim.figures(choice.kept, everything),
        held_out=aim.figures(kept, judged) if usable else None,
    )


def _deciding(inliers: RuleTuning, probability: RuleTuning | None, aim: Aim, wanted: Rule) -> str:
    if probability is None or wanted != "best":
        return "inliers" if probability is None else wanted
    if inliers.held_out is None or probability.held_out is None or inliers.held_out.rows != probability.held_out.rows:
        # Figures of other rows cannot be compared.
        return "inliers"
    return "probability" if aim.merit(probability.held_out) > aim.merit(inliers.held_out) else "inliers"


def _thresholds(
    sample: LabelledSample, inliers: RuleTuning, deciding: RuleTuning, distractors: pd.DataFrame, method: Method
) -> Thresholds:
    first, second = inliers.cuts
    if sample.pairs:
        second = first
    return Thresholds(
        max_inliers=first,
        mean_inliers=second,
        distractor_inliers=_distractor_threshold(distractors, second),
        extractor=sample.extractor,
        pair=_fit(sample, PAIR_INPUTS, method) if sample.inputs() else None,
        query=None if sample.pairs else _fit(sample, sample.inputs(), method),
        confirmed_probability=None if deciding is inliers else deciding.cuts[0],
    )


def _fit(sample: LabelledSample, inputs: Sequence[str], method: Method) -> ProbabilityModel | None:
    if not sample.can_fit(inputs, np.ones(len(sample.is_true), dtype=bool)):
        return None
    return fit_probability(sample.with_pair_inputs(), sample.is_true, inputs, method)


def distractor_sweep(sample: LabelledSample, kept: BoolArray, mean_inliers: float) -> pd.DataFrame:
    """How well thresholds of the mean tell the distractors among the dropped from the wrong predictions.

    Args:
        sample: with `is_distractor`, or the table is empty.
        kept: [N] bool, what the deciding rule keeps.
        mean_inliers: the second threshold, which the third must not exceed.

    Returns:
        Columns distractor_inliers (ascending), distractors_below and wrong_below (shares of either kind).
    """
    mean = sample.numbers("mean_inliers")
    columns = ["distractor_inliers", "distractors_below", "wrong_below"]
    if sample.is_distractor is None:
        return pd.DataFrame(columns=columns, dtype=np.float64)
    dropped = ~kept & ~sample.is_true & ~np.isnan(mean)
    distractors, wrong = mean[dropped & sample.is_distractor], mean[dropped & ~sample.is_distractor]
    if not len(distractors) or not len(wrong):
        return pd.DataFrame(columns=columns, dtype=np.float64)
    cuts = boundaries(np.concatenate([distractors, wrong]), whole=False)
    cuts = np.append(cuts[cuts < mean_inliers], mean_inliers)
    below = [((distractors < cut).mean(), (wrong < cut).mean()) for cut in cuts]
    return pd.DataFrame([(cut, *shares) for cut, shares in zip(cuts, below, strict=True)], columns=columns)


def _distractor_threshold(sweep: pd.DataFrame, mean_inliers: float) -> float:
    """The mean below which a dropped prediction is best called a distractor: highest balanced accuracy."""
    if sweep.empty:
        return mean_inliers * SEED_RATIO
    accuracy = sweep["distractors_below"] - sweep["wrong_below"]
    best = np.flatnonzero(np.isclose(accuracy, accuracy.max()))
    return float(sweep["distractor_inliers"].iloc[best[len(best) // 2]])
