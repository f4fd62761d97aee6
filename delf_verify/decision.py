"""From inliers to a verdict: the three thresholds of seed 003 (section 2.3), a calibrated rule, and their file.

The calibrated rule confirms from a wanted probability on (`delf_verify.probability`); what it does not confirm is told
apart by the third threshold as before.
"""

from dataclasses import dataclass, fields
from enum import StrEnum
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml  # type: ignore[import-untyped]

from delf_verify.probability import PAIR_INPUTS, FloatArray, ProbabilityModel, check_number, shown
from tfrecords_builder.atomic import atomic_write

# More than any photograph has.
_MOST_INLIERS = 1e9
_NUMBERS = ("max_inliers", "mean_inliers", "distractor_inliers")
_FITS = ("pair", "query", "confirmed_probability")
_SIFT = "sift"


class Verdict(StrEnum):
    """What the evidence says about a predicted landmark."""

    CONFIRMED = "confirmed"
    WRONG = "wrong"
    DISTRACTOR = "distractor"
    UNVERIFIED = "unverified"


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """The numbers of the decision rule; the defaults are those of seed 003 for its DELF.

    Attributes:
        max_inliers: confirmed if one index image has at least this many inliers.
        mean_inliers: confirmed if the mean over the index images is above this.
        distractor_inliers: a query that is not confirmed is a distractor if its mean is below this, otherwise its
            prediction is wrong.
        extractor: fingerprint of the features on which the numbers were tuned; "" means unknown.
        pair: fit of the probability that two photographs show the same place, or None. A mapping, as files keep it,
            is read as one.
        query: likewise, that a query shows the predicted landmark.
        confirmed_probability: None: the numbers of inliers confirm. A probability: it confirms instead, and the
            numbers only where evidence for a probability is lacking.

    Raises:
        ValueError: a number is out of range or no number, distractor_inliers is above mean_inliers, or
            confirmed_probability is given without a fit.
    """

    max_inliers: float = 25.0
    mean_inliers: float = 8.0
    distractor_inliers: float = 5.0
    extractor: str = ""
    pair: ProbabilityModel | None = None
    query: ProbabilityModel | None = None
    confirmed_probability: float | None = None

    def __post_init__(self) -> None:
        for name in _NUMBERS:
            value = check_number(f"thresholds: {name}", getattr(self, name), 0.0, _MOST_INLIERS)
            object.__setattr__(self, name, value)
        if not isinstance(self.extractor, str):
            raise ValueError(f"thresholds: extractor must be a fingerprint (text), got {shown(self.extractor)}")
        if self.distractor_inliers > self.mean_inliers:
            raise ValueError(
                f"thresholds: distractor_inliers ({self.distractor_inliers}) must not be above "
                f"mean_inliers ({self.mean_inliers}); lower one or raise the other"
            )
        for name in ("pair", "query"):
            object.__setattr__(self, name, _fit_of(name, getattr(self, name)))
        if self.pair is not None and not set(self.pair.inputs) <= set(PAIR_INPUTS):
            raise ValueError(f"thresholds: the fit pair has the inputs {self.pair.inputs}, known are {PAIR_INPUTS}")
        if self.confirmed_probability is not None:
            value = check_number("thresholds: confirmed_probability", self.confirmed_probability, 0.0, 1.0)
            object.__setattr__(self, "confirmed_probability", value)
            if self.pair is None and self.query is None:
                raise ValueError(f"thresholds: confirmed_probability {value:g} needs a fit: give pair or query")

    def check_extractor(self, fingerprint: str) -> None:
        """Refuses features of another extractor than the one on which these thresholds were tuned.

        Raises:
            ValueError: both fingerprints are known and differ.
        """
        if self.extractor and fingerprint != self.extractor:
            raise ValueError(
                f"the thresholds were tuned for the features {self.extractor!r}, these are {fingerprint!r}: "
                "tune again or use the same extractor"
            )


def _fit_of(name: str, value: Any) -> ProbabilityModel | None:
    if value is None or isinstance(value, ProbabilityModel):
        return value
    try:
        return ProbabilityModel.from_mapping(value)
    except ValueError as error:
        raise ValueError(f"thresholds: probability of a {name}: {error}") from error


def decide(
    max_inliers: float, mean_inliers: float, thresholds: Thresholds, probability: float = float("nan")
) -> Verdict:
    """The verdict on one prediction (seed 003, section 2.3, or the calibrated rule).

    With x the largest and m the mean number of inliers over the index images: confirmed if
    x >= 25 or m > 8; else a distractor if m < 5; else wrong. Where the thresholds have a confirmed_probability and
    `probability` is known, "confirmed if probability >= confirmed_probability" replaces the first condition.

    Args:
        max_inliers: x; NaN where no index image could be compared.
        mean_inliers: m; NaN likewise.
        thresholds: the numbers.
        probability: of `probabilities`; NaN where it is not known.
    """
    if np.isnan(max_inliers) or np.isnan(mean_inliers):
        return Verdict.UNVERIFIED
    if is_calibrated(thresholds, probability):
        confirmed = probability >= float(thresholds.confirmed_probability or 0.0)
    else:
        confirmed = max_inliers >= thresholds.max_inliers or mean_inliers > thresholds.mean_inliers
    if confirmed:
        return Verdict.CONFIRMED
    if mean_inliers < thresholds.distractor_inliers:
        return Verdict.DISTRACTOR
    return Verdict.WRONG


def is_calibrated(thresholds: Thresholds, probability: float) -> bool:
    """Whether a prediction of this probability (NaN: not known) is decided by it, not by the numbers of inliers."""
    return thresholds.confirmed_probability is not None and not np.isnan(probability)


def probabilities(evidence: pd.DataFrame, thresholds: Thresholds) -> FloatArray:
    """The probability that each prediction is right.

    The fit for queries where there is one and its inputs are known (a score may be missing); else the fit for pairs on
    the columns of the best index image.

    Args:
        evidence: columns max_inliers, mean_inliers, inlier_ratio and spread, perhaps score; or, of pairs, num_inliers,
            inlier_ratio and spread. What a fit needs and the table lacks makes it not applicable.
        thresholds: with the fits.

    Returns:
        [rows] float64 in [0, 1]; NaN where no fit applies.
    """
    if "num_inliers" not in evidence.columns and "max_inliers" in evidence.columns:
        evidence = evidence.assign(num_inliers=evidence["max_inliers"])
    found = np.full(len(evidence), np.nan)
    for model in (thresholds.query, thresholds.pair):
        if model is not None and set(model.inputs) <= set(evidence.columns):
            found = np.where(np.isnan(found), model.predict(evidence), found)
    return found


def decide_table(evidence: pd.DataFrame, thresholds: Thresholds) -> pd.Series:
    """The verdicts on many predictions, as `decide` gives them.

    Args:
        evidence: columns max_inliers and mean_inliers; NaN where nothing could be compared. Columns that
            `probabilities` uses are used where the thresholds have a confirmed_probability.
        thresholds: the numbers.

    Returns:
        [rows] of `Verdict` values as text, with the index of `evidence`, named "verdict".

    Raises:
        ValueError: a column is missing.
    """
    missing = {"max_inliers", "mean_inliers"} - set(evidence.columns)
    if missing:
        raise ValueError(f"the evidence lacks the columns {sorted(missing)}; it has {list(evidence.columns)}")
    largest = evidence["max_inliers"].to_numpy(np.float64, na_value=np.nan)
    mean = evidence["mean_inliers"].to_numpy(np.float64, na_value=np.nan)
    confirmed = (largest >= thresholds.max_inliers) | (mean > thresholds.mean_inliers)
    if thresholds.confirmed_probability is not None:
        probability = probabilities(evidence, thresholds)
        confirmed = np.where(np.isnan(probability), confirmed, probability >= thresholds.confirmed_probability)
    verdicts = np.select(
        [np.isnan(largest) | np.isnan(mean), confirmed, mean < thresholds.distractor_inliers],
        [Verdict.UNVERIFIED.value, Verdict.CONFIRMED.value, Verdict.DISTRACTOR.value],
        Verdict.WRONG.value,
    )
    return pd.Series(verdicts, index=evidence.index, name="verdict", dtype=object)


def default_thresholds(features: str) -> Thresholds:
    """The thresholds that suit an extractor where none are given.

    Args:
        features: as `delf_verify.config.check_features` knows them.

    Returns:
        For "sift" those that were fitted on photographs and come with this package; for others seed 003's.
    """
    if features != _SIFT:
        return Thresholds()
    shipped = files("delf_verify") / "defaults" / "sift.yaml"
    return _parse(shipped.read_text(encoding="utf-8"), str(shipped))


def save_thresholds(thresholds: Thresholds, path: Path | str) -> None:
    """Writes the thresholds as YAML, whole or not at all."""
    content: dict[str, Any] = {name: getattr(thresholds, name) for name in (*_NUMBERS, "extractor")}
    fits = {name: getattr(thresholds, name) for name in _FITS}
    fits = {name: value.to_mapping() if isinstance(value, ProbabilityModel) else value for name, value in fits.items()}
    if any(value is not None for value in fits.values()):
        content["probability"] = {name: value for name, value in fits.items() if value is not None}
    with atomic_write(path) as file:
        file.write("# Decision rule of tfland verify: see delf_verify/decision.py\n")
        yaml.safe_dump(content, file, sort_keys=False, default_flow_style=None, width=120)


def load_thresholds(path: Path | str) -> Thresholds:
    """Reads what `save_thresholds` wrote; absent keys take their defaults.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is not YAML, holds an unknown key or a bad value; the message names the file.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not valid YAML: {error}") from error
    return _parse(text, str(path))


def _parse(text: str, path: str) -> Thresholds:
    try:
        content: Any = yaml.safe_load(text)
    # A date of month 13 or a number of 5000 digits is a ValueError, a thousand nested lists end the stack.
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ValueError(f"{path} is not valid YAML: {error}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path} must hold 'key: value' lines, got {type(content).__name__}")
    fits = content.pop("probability", None)
    if not isinstance(fits, dict | None):
        raise ValueError(f"{path}: probability must hold 'key: value' lines, got {shown(fits)}")
    known = [field.name for field in fields(Thresholds) if field.name not in _FITS]
    for given, names in ((content, [*known, "probability"]), (fits or {}, list(_FITS))):
        if unknown := [key for key in given if key not in names]:
            raise ValueError(f"{path}: unknown keys {shown(unknown)}; known are {names}")
    try:
        return Thresholds(**content, **(fits or {}))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
