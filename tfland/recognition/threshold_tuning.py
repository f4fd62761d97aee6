"""Tunes verification's thresholds on labelled queries: what is maximised is the verified GAP."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from delf_verify.aims import Aim, Interval, Objective, ObjectiveAim, RateAim
from delf_verify.cross_validation import units_of_queries
from delf_verify.labelled_sample import LabelledSample
from delf_verify.tuning import TuningOptions, TuningResult, tune
from delf_verify.verified_files import read_record, read_verified
from tfland.metrics.bootstrap import bootstrap
from tfland.metrics.gap import Truth, average_precision, count_landmark_queries, kaggle_order, relevance
from tfland.metrics.judged import judge
from tfland.metrics.scores import IGNORED, predictions_of, truth_of
from tfrecords_builder.catalog import read_solution
from tfrecords_builder.schema import ID, LANDMARK, NO_LANDMARK_ID, SCORE


@dataclass(frozen=True, kw_only=True)
class LabelledEvidence:
    """A verification whose queries' landmarks are known.

    Attributes:
        table: rows of verified.csv that predict something and are scored.
        is_true: [rows] bool, whether the predicted landmark is shown.
        is_distractor: [rows] bool, whether the query shows no landmark.
        truth: for every scored query the landmarks it shows.
        extractor: fingerprint of the features.
    """

    table: pd.DataFrame
    is_true: np.ndarray
    is_distractor: np.ndarray
    truth: Truth
    extractor: str

    def sample(self) -> LabelledSample:
        """What `delf_verify.tuning.tune` takes; predictions of one query belong together.

        Raises:
            ValueError: nothing is true, or nothing was compared.
        """
        return LabelledSample(
            table=self.table,
            is_true=self.is_true,
            units=units_of_queries(self.table[ID].tolist()),
            is_distractor=self.is_distractor,
            extractor=self.extractor,
        )


def label_evidence(folder: Path, solution: Path) -> LabelledEvidence:
    """Joins the folder of `tfland verify` with the solution of its queries.

    Raises:
        OSError: a file is missing.
        ValueError: a file is damaged, a query is not in the solution or has several predictions, or the verification
            stopped early: a confirmed query's counts are then not those that another rule would see.
    """
    table, answers, record = read_verified(folder), read_solution(solution), read_record(folder)
    if record.get("settings", {}).get("stop_early"):
        raise ValueError(
            f"{folder} was verified with --stop-early, so that confirmed queries were compared in part: "
            "verify once more without it and tune on that"
        )
    ignored = set(answers.loc[answers["usage"] == IGNORED, ID])
    table = table[(table[LANDMARK] != NO_LANDMARK_ID) & ~table[ID].isin(ignored)].reset_index(drop=True)
    truth = truth_of(answers)
    is_true = relevance(table[ID].to_numpy(object), table[LANDMARK].to_numpy(np.int64), truth)
    return LabelledEvidence(
        table=table,
        is_true=is_true,
        is_distractor=np.array([not truth[query] for query in table[ID]], dtype=bool),
        truth=truth,
        extractor=str(record.get("extractor", "")),
    )


def verified_gap_objective(labelled: LabelledEvidence) -> Objective:
    """Returns the function from the mask of kept predictions to their GAP.

    The ranking of any subset is the subset of the ranking, so it is found once: a call takes microseconds.
    """
    rows = labelled.table
    order = kaggle_order(rows[ID].to_numpy(object), rows[LANDMARK].to_numpy(np.int64), rows[SCORE].to_numpy(np.float64))
    ranked, num_landmark_queries = labelled.is_true[order], count_landmark_queries(labelled.truth)
    return lambda kept: average_precision(ranked[kept[order]], num_landmark_queries)


def gap_interval(labelled: LabelledEvidence, *, seed: int, resamples: int = 500) -> Callable[..., Interval]:
    """Returns the function from the masks of kept and of judged predictions to the interval of their GAP.

    The queries are drawn with replacement, see `tfland.metrics.bootstrap`.
    """

    def interval(kept: np.ndarray, rows: np.ndarray) -> Interval:
        predictions = predictions_of(labelled.table[kept & rows], labelled.truth)
        found = bootstrap(judge(predictions, labelled.truth), seed=seed, resamples=resamples)["gap"]
        return found.low, found.high

    return interval


def tune_labelled(
    labelled: LabelledEvidence,
    *,
    min_true_kept: float = 0.95,
    precision: float | None = None,
    recall: float | None = None,
    seed: int = 0,
    options: TuningOptions | None = None,
) -> TuningResult:
    """Returns the thresholds of the highest verified GAP; see `delf_verify.tuning.tune`.

    With a wanted precision (or recall) of the confirmed those of the highest recall (or precision) instead, whatever
    the GAP becomes.

    Raises:
        ValueError: as `tune`.
        CheckFailed: no threshold reaches the precision.
    """
    sample = labelled.sample()
    aim: Aim
    if precision is not None or recall is not None:
        aim = RateAim(is_true=sample.is_true, precision=precision, recall=recall, units=sample.units, seed=seed)
    else:
        aim = ObjectiveAim(
            objective=verified_gap_objective(labelled),
            is_true=sample.is_true,
            min_true_kept=min_true_kept,
            name="verified GAP",
            seed=seed,
            interval=gap_interval(labelled, seed=seed),
        )
    return tune(sample, aim, options or TuningOptions(seed=seed))


def tune_on_solution(
    folder: Path, solution: Path, *, min_true_kept: float = 0.95, seed: int = 0, options: TuningOptions | None = None
) -> TuningResult:
    """Returns the thresholds tuned on the verification in `folder`.

    Args:
        folder: of `tfland verify` on labelled queries, never those that will be scored.
        solution: their solution.
        min_true_kept: floor of the share of true predictions that stay.
        seed: reaches every draw.
        options: of the tuning.

    Raises:
        OSError: a file is missing.
        ValueError: as `label_evidence` and `delf_verify.tuning.tune`.
    """
    labelled = label_evidence(folder, solution)
    return tune_labelled(labelled, min_true_kept=min_true_kept, seed=seed, options=options)
