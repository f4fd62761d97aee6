"""From inliers to a verdict: the three thresholds of seed 003 (section 2.3) and the file that keeps them."""

from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml  # type: ignore[import-untyped]

from tfrecords_builder.atomic import atomic_write


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

    Raises:
        ValueError: a number is negative or not finite, or distractor_inliers is above mean_inliers.
    """

    max_inliers: float = 25.0
    mean_inliers: float = 8.0
    distractor_inliers: float = 5.0
    extractor: str = ""

    def __post_init__(self) -> None:
        for name in ("max_inliers", "mean_inliers", "distractor_inliers"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
                raise ValueError(f"thresholds: {name} must be a number, got {value!r}")
            if not (np.isfinite(value) and value >= 0):
                raise ValueError(f"thresholds: {name} must be a number of inliers >= 0, got {value}")
            object.__setattr__(self, name, float(value))
        if not isinstance(self.extractor, str):
            raise ValueError(f"thresholds: extractor must be a fingerprint (text), got {self.extractor!r}")
        if self.distractor_inliers > self.mean_inliers:
            raise ValueError(
                f"thresholds: distractor_inliers ({self.distractor_inliers}) must not be above "
                f"mean_inliers ({self.mean_inliers}); lower one or raise the other"
            )

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


def decide(max_inliers: float, mean_inliers: float, thresholds: Thresholds) -> Verdict:
    """The verdict on one prediction (seed 003, section 2.3).

    With x the largest and m the mean number of inliers over the index images: confirmed if
    x >= 25 or m > 8; else a distractor if m < 5; else wrong.

    Args:
        max_inliers: x; NaN where no index image could be compared.
        mean_inliers: m; NaN likewise.
        thresholds: the three numbers.
    """
    if np.isnan(max_inliers) or np.isnan(mean_inliers):
        return Verdict.UNVERIFIED
    if max_inliers >= thresholds.max_inliers or mean_inliers > thresholds.mean_inliers:
        return Verdict.CONFIRMED
    if mean_inliers < thresholds.distractor_inliers:
        return Verdict.DISTRACTOR
    return Verdict.WRONG


def decide_table(evidence: pd.DataFrame, thresholds: Thresholds) -> pd.Series:
    """The verdicts on many predictions, as `decide` gives them.

    Args:
        evidence: columns max_inliers and mean_inliers; NaN where nothing could be compared.
        thresholds: the three numbers.

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
    verdicts = np.select(
        [
            np.isnan(largest) | np.isnan(mean),
            (largest >= thresholds.max_inliers) | (mean > thresholds.mean_inliers),
            mean < thresholds.distractor_inliers,
        ],
        [Verdict.UNVERIFIED.value, Verdict.CONFIRMED.value, Verdict.DISTRACTOR.value],
        Verdict.WRONG.value,
    )
    return pd.Series(verdicts, index=evidence.index, name="verdict", dtype=object)


def save_thresholds(thresholds: Thresholds, path: Path | str) -> None:
    """Writes the thresholds as YAML, whole or not at all."""
    with atomic_write(path) as file:
        file.write("# Decision rule of tfland verify: see delf_verify/decision.py\n")
        yaml.safe_dump(asdict(thresholds), file, sort_keys=False)


def load_thresholds(path: Path | str) -> Thresholds:
    """Reads what `save_thresholds` wrote; absent keys take their defaults.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is not YAML, holds an unknown key or a bad value; the message names the file.
    """
    try:
        content: Any = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not valid YAML: {error}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path} must hold 'key: value' lines, got {type(content).__name__}")
    known = [field.name for field in fields(Thresholds)]
    unknown = [key for key in content if key not in known]
    if unknown:
        raise ValueError(f"{path}: unknown keys {unknown}; known are {known}")
    try:
        return Thresholds(**content)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
