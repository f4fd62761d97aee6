"""From confidences to probabilities of being right, fitted on validation queries.

Two ways: a temperature for each classifier (Guo et al. 2017, https://arxiv.org/abs/1706.04599, section 4.2), which
softens its softmax, and isotonic regression (Zadrozny & Elkan 2002) of the final confidence, which works for every
method and, fitted on queries of which some show no landmark, says how probably a prediction is right all told.
"""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from tfrecords_builder.json_files import read_object, write_json

CALIBRATION_FILE = "calibration.json"
# What an isotonic curve's steps are tilted by, so that predictions with equal probability keep their order.
_TILT = 1e-4
_TEMPERATURES = (0.05, 20.0)
_GOLDEN = (math.sqrt(5) - 1) / 2
_ITERATIONS = 40


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """What `tfland calibrate` found.

    Attributes:
        system: fingerprint of the models that it was fitted for.
        method: whose confidences were calibrated: "head", "knn", "blend" or "ranked".
        gate_threshold: of the highest GAP on the validation queries; None without a gate.
        temperatures: of each classifier; 1 leaves its logits.
        confidences: [K] ascending confidences, the corners of the isotonic curve; empty for none.
        probabilities: [K] ascending, how probably a prediction of each is right.
    """

    system: str
    method: str
    gate_threshold: float | None = None
    temperatures: tuple[float, ...] = ()
    confidences: tuple[float, ...] = ()
    probabilities: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        corners, heights = np.array(self.confidences), np.array(self.probabilities)
        if len(corners) != len(heights) or (np.diff(corners) <= 0).any() or (np.diff(heights) < 0).any():
            raise ValueError("the isotonic curve of the calibration does not ascend; run `tfland calibrate` again")

    def apply(self, scores: np.ndarray) -> np.ndarray:
        """Returns the probability of being right for confidences: [N] -> [N] float64; the same without a curve."""
        if not self.confidences:
            return scores
        curve = np.interp(scores, self.confidences, self.probabilities)
        low, high = self.confidences[0], self.confidences[-1]
        order = 0.5 + np.arctan((scores - (low + high) / 2) / max((high - low) / 2, 1e-12)) / np.pi
        return np.asarray(curve * (1 - _TILT) + _TILT * order, dtype=np.float64)

    def save(self, folder: Path) -> Path:
        """Writes calibration.json and returns its path."""
        path = folder / CALIBRATION_FILE
        write_json(path, asdict(self))
        return path

    @classmethod
    def load(cls, path: Path) -> "Calibration":
        """Reads a calibration.json.

        Raises:
            OSError: the file cannot be read.
            ValueError: it is none.
        """
        stored = read_object(path, "run `tfland calibrate` again")
        try:
            threshold = stored["gate_threshold"]
            return cls(
                system=str(stored["system"]),
                method=str(stored["method"]),
                gate_threshold=None if threshold is None else float(threshold),
                temperatures=tuple(float(number) for number in stored["temperatures"]),
                confidences=tuple(float(number) for number in stored["confidences"]),
                probabilities=tuple(float(number) for number in stored["probabilities"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{path} is no calibration ({error!r}); run `tfland calibrate` again") from error


def fit_temperature(negative_log_likelihood: Callable[[float], float]) -> float:
    """Returns the temperature of the lowest negative log-likelihood, between 0.05 and 20.

    A golden-section search over its logarithm: of a softmax the function has one minimum.

    Args:
        negative_log_likelihood: of the true classes of validation queries, by temperature.
    """
    low, high = (math.log(value) for value in _TEMPERATURES)
    inner = [high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)]
    values = [negative_log_likelihood(math.exp(place)) for place in inner]
    for _ in range(_ITERATIONS):
        if values[0] <= values[1]:
            high, inner[1], values[1] = inner[1], inner[0], values[0]
            inner[0] = high - _GOLDEN * (high - low)
            values[0] = negative_log_likelihood(math.exp(inner[0]))
        else:
            low, inner[0], values[0] = inner[0], inner[1], values[1]
            inner[1] = low + _GOLDEN * (high - low)
            values[1] = negative_log_likelihood(math.exp(inner[1]))
        if high - low < 1e-3:
            break
    return math.exp((low + high) / 2)


def fit_isotonic(scores: np.ndarray, right: np.ndarray) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Returns the corners of the ascending curve from confidence to the share of right predictions.

    Args:
        scores: [N] float, finite.
        right: [N] bool.

    Returns:
        [K] confidences and [K] probabilities, as `Calibration` holds them.

    Raises:
        ValueError: there is no prediction, or a score is not finite.
    """
    if not len(scores) or not np.isfinite(scores).all():
        raise ValueError(f"{len(scores)} confidences, not all finite; a calibration needs finite ones")
    from sklearn.isotonic import IsotonicRegression

    curve = IsotonicRegression(y_min=0.0, y_max=1.0).fit(scores.astype(np.float64), right.astype(np.float64))
    return tuple(curve.X_thresholds_.tolist()), tuple(curve.y_thresholds_.tolist())
