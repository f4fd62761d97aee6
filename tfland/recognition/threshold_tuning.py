"""Tunes verification's thresholds on labelled queries: what is maximised is the verified GAP."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from delf_verify.tuning import Objective, TuningResult, tune
from delf_verify.verified_files import read_record, read_verified
from tfland.metrics.gap import Truth, average_precision, count_landmark_queries, kaggle_order, relevance
from tfland.metrics.scores import IGNORED, truth_of
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


def label_evidence(folder: Path, solution: Path) -> LabelledEvidence:
    """Joins the folder of `tfland verify` with the solution of its queries.

    Raises:
        OSError: a file is missing.
        ValueError: a file is damaged, a query is not in the solution or has several predictions.
    """
    table, answers = read_verified(folder), read_solution(solution)
    ignored = set(answers.loc[answers["usage"] == IGNORED, ID])
    table = table[(table[LANDMARK] != NO_LANDMARK_ID) & ~table[ID].isin(ignored)].reset_index(drop=True)
    truth = truth_of(answers)
    is_true = relevance(table[ID].to_numpy(object), table[LANDMARK].to_numpy(np.int64), truth)
    return LabelledEvidence(
        table=table,
        is_true=is_true,
        is_distractor=np.array([not truth[query] for query in table[ID]], dtype=bool),
        truth=truth,
        extractor=str(read_record(folder).get("extractor", "")),
    )


def verified_gap_objective(labelled: LabelledEvidence) -> Objective:
    """Returns the function from the mask of kept predictions to their GAP.

    The ranking of any subset is the subset of the ranking, so it is found once: a call takes microseconds.
    """
    rows = labelled.table
    order = kaggle_order(rows[ID].to_numpy(object), rows[LANDMARK].to_numpy(np.int64), rows[SCORE].to_numpy(np.float64))
    ranked, num_landmark_queries = labelled.is_true[order], count_landmark_queries(labelled.truth)
    return lambda kept: average_precision(ranked[kept[order]], num_landmark_queries)


def tune_labelled(labelled: LabelledEvidence, *, min_true_kept: float = 0.95, seed: int = 0) -> TuningResult:
    """Returns the thresholds of the highest verified GAP; see `delf_verify.tuning.tune`.

    Raises:
        ValueError: as `tune`.
    """
    return tune(
        labelled.table,
        verified_gap_objective(labelled),
        labelled.is_true,
        min_true_kept,
        is_distractor=labelled.is_distractor,
        seed=seed,
        extractor=labelled.extractor,
    )


def tune_on_solution(folder: Path, solution: Path, *, min_true_kept: float = 0.95, seed: int = 0) -> TuningResult:
    """Returns the thresholds tuned on the verification in `folder`.

    Args:
        folder: of `tfland verify` on labelled queries, never those that will be scored.
        solution: their solution.
        min_true_kept: floor of the share of true predictions that stay.
        seed: reaches every draw.

    Raises:
        OSError: a file is missing.
        ValueError: as `label_evidence` and `delf_verify.tuning.tune`.
    """
    return tune_labelled(label_evidence(folder, solution), min_true_kept=min_true_kept, seed=seed)
