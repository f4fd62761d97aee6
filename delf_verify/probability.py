"""How probably a prediction is right, from its evidence: a fit on labelled evidence, kept as a few plain numbers.

Two methods. Logistic regression: p = 1 / (1 + exp(-z)), z = intercept + sum_j c_j t_j(x_j), with an L2 penalty on the
coefficients of the standardised inputs (which keeps separable samples finite) and c_j >= 0, so that more evidence never
lowers p. Isotonic regression (Zadrozny & Elkan 2002, https://doi.org/10.1145/775047.775151): an ascending curve over
the same z instead of the logistic function, for samples of several hundred rows.

Inputs: t = log(1 + x) of the counts of inliers, whose ratios matter; inlier ratio, spread and the classifier's score
enter as they are. A t beyond the range of the fit counts as the end of that range: nothing is known out there, and a
score of another scale cannot take over.
"""

import math
import reprlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

FloatArray = NDArray[np.float64]
Method = Literal["logistic", "isotonic"]

PAIR_INPUTS = ("num_inliers", "inlier_ratio", "spread")
QUERY_INPUTS = ("max_inliers", "mean_inliers", "inlier_ratio", "spread", "score")
# Counts enter as log(1 + count).
_COUNTS = ("num_inliers", "max_inliers", "mean_inliers")
_KNOWN = tuple(dict.fromkeys(PAIR_INPUTS + QUERY_INPUTS))
# Nothing that was fitted comes near it; beyond it sums of products overflow sooner or later.
_LARGEST = 1e9
_DIGITS = 9
# On 370 pairs of photographs of 18 places, places held out: log loss 0.284 with 1, 0.255 with 0.1, 0.254 with 0.03;
# probabilities 6.5 %, 3.7 % and 2.9 % off on average (expected calibration error). It is there for separable samples.
PENALTY = 0.1


@dataclass(frozen=True, kw_only=True)
class ProbabilityModel:
    """A fit of `fit_probability`.

    Attributes:
        method: "logistic" or "isotonic".
        inputs: [J] columns of the evidence.
        coefficients: [J] c_j >= 0.
        lows: [J] smallest t_j of the fit.
        highs: [J] largest t_j of the fit.
        intercept: of z.
        corners: [K] ascending z of the isotonic curve's corners; empty for the logistic.
        heights: [K] ascending probabilities there.
        rows: how many labelled rows were fitted.
        share_true: how many of them were right: the probabilities hold where about this share is.

    Raises:
        ValueError: a number is not finite, out of range or of another type, lengths differ, or a name is unknown.
    """

    method: Method
    inputs: tuple[str, ...]
    coefficients: tuple[float, ...]
    lows: tuple[float, ...]
    highs: tuple[float, ...]
    intercept: float
    corners: tuple[float, ...] = ()
    heights: tuple[float, ...] = ()
    rows: int = 0
    share_true: float = 0.5

    def __post_init__(self) -> None:
        if self.method not in get_args(Method):
            raise ValueError(f"method must be one of {list(get_args(Method))}, got {shown(self.method)}")
        inputs = _sequence("inputs", self.inputs)
        if not inputs or any(name not in _KNOWN for name in inputs) or len(set(inputs)) != len(inputs):
            raise ValueError(f"inputs must be different ones of {list(_KNOWN)}, got {shown(self.inputs)}")
        object.__setattr__(self, "inputs", tuple(inputs))
        ranges = {"coefficients": (0.0, _LARGEST), "heights": (0.0, 1.0)}
        for name in ("coefficients", "lows", "highs", "corners", "heights"):
            low, high = ranges.get(name, (-_LARGEST, _LARGEST))
            numbers = tuple(check_number(name, value, low, high) for value in _sequence(name, getattr(self, name)))
            object.__setattr__(self, name, numbers)
        object.__setattr__(self, "intercept", check_number("intercept", self.intercept, -_LARGEST, _LARGEST))
        object.__setattr__(self, "share_true", check_number("share_true", self.share_true, 0.0, 1.0))
        object.__setattr__(self, "rows", int(check_number("rows", self.rows, 0.0, _LARGEST)))
        self._check_shape()

    def _check_shape(self) -> None:
        for name in ("coefficients", "lows", "highs"):
            if len(getattr(self, name)) != len(self.inputs):
                raise ValueError(f"{len(self.inputs)} inputs but {len(getattr(self, name))} {name}")
        if any(low > high for low, high in zip(self.lows, self.highs, strict=True)):
            raise ValueError(f"lows {shown(self.lows)} must not be above highs {shown(self.highs)}")
        if len(self.corners) != len(self.heights) or bool(self.corners) != (self.method == "isotonic"):
            raise ValueError(
                f"{len(self.corners)} corners and {len(self.heights)} heights: as many of both for isotonic, else none"
            )
        for name in ("corners", "heights"):
            if list(getattr(self, name)) != sorted(getattr(self, name)):
                raise ValueError(f"{name} must ascend, got {shown(getattr(self, name))}")

    def predict(self, table: pd.DataFrame) -> FloatArray:
        """The probability that each row is right: [rows] float64 in [0, 1], NaN where an input is not finite.

        Raises:
            ValueError: `table` lacks a column of `inputs`.
        """
        z = self.score(_transformed(table, self.inputs))
        if self.method == "logistic":
            return np.asarray(expit(z), dtype=np.float64)
        curve = np.interp(z, self.corners, self.heights)
        return np.where(np.isnan(z), np.nan, curve)

    def score(self, inputs: FloatArray) -> FloatArray:
        """The sums z [N] for transformed inputs [N, J]."""
        # Column by column: a matrix product may round differently for other numbers of rows.
        z = np.full(len(inputs), self.intercept)
        for column, coefficient, low, high in zip(inputs.T, self.coefficients, self.lows, self.highs, strict=True):
            z += coefficient * np.clip(column, low, high)
        return z

    def to_mapping(self) -> dict[str, Any]:
        """The fit as plain numbers, texts and lists."""
        content = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in content.items()}

    @classmethod
    def from_mapping(cls, content: Any) -> "ProbabilityModel":
        """Reads what `to_mapping` gave.

        Raises:
            ValueError: it is no mapping, a key is unknown or absent, or a value is refused.
        """
        if not isinstance(content, Mapping):
            raise ValueError(f"a fit must be 'key: value' lines, got {shown(content)}")
        known = [field.name for field in fields(cls)]
        if unknown := [key for key in content if key not in known]:
            raise ValueError(f"unknown keys {shown(unknown)}; known are {known}")
        needed = ("method", "inputs", "coefficients", "lows", "highs", "intercept")
        if missing := [key for key in needed if key not in content]:
            raise ValueError(f"the keys {missing} are missing")
        return cls(**content)


def fit_probability(
    table: pd.DataFrame,
    is_true: ArrayLike,
    inputs: Sequence[str],
    method: Method = "logistic",
    *,
    penalty: float = PENALTY,
) -> ProbabilityModel:
    """Fits how probably a row is right.

    Minimises sum_i log(1 + exp(-s_i z_i)) + penalty / 2 * sum_j w_j^2 with s = +-1 and w_j >= 0 the coefficients of the
    standardised t_j; the intercept is free. The function is convex, so the fit is the one minimum. Isotonic heights
    are kept 1 / (n + 2) away from 0 and 1, n the rows of the other kind (Laplace's rule of succession).

    Args:
        table: columns `inputs`; rows with a NaN or an infinity among them are left out.
        is_true: [rows] bool.
        inputs: PAIR_INPUTS, QUERY_INPUTS or some of them.
        method: "logistic" or "isotonic".
        penalty: > 0.

    Raises:
        ValueError: a column is missing, lengths differ, an option is unknown, or fewer than one complete row of either
            kind is left.
    """
    truth = np.asarray(is_true, dtype=bool)
    if len(truth) != len(table):
        raise ValueError(f"{len(table)} rows of evidence but {len(truth)} labels: give one a row")
    if method not in get_args(Method) or not penalty > 0:
        raise ValueError(f"method={method!r}, penalty={penalty}: give one of {get_args(Method)} and a penalty > 0")
    columns = _transformed(table, inputs)
    complete = np.isfinite(columns).all(axis=1)
    columns, truth = columns[complete], truth[complete]
    if truth.all() or not truth.any():
        raise ValueError(
            f"a probability needs labelled evidence of both kinds: of {len(table)} rows, {len(truth)} have all of "
            f"{', '.join(inputs)}, {int(truth.sum())} of them true"
        )
    coefficients, intercept = _fit_logistic(columns, truth, penalty)
    model = ProbabilityModel(
        method="logistic",
        inputs=tuple(inputs),
        coefficients=_rounded(coefficients),
        lows=_rounded(columns.min(axis=0), math.floor),
        highs=_rounded(columns.max(axis=0), math.ceil),
        intercept=_rounded([intercept])[0],
        rows=len(truth),
        share_true=_rounded([truth.mean()])[0],
    )
    return model if method == "logistic" else _with_curve(model, model.score(columns), truth)


def _fit_logistic(columns: FloatArray, truth: NDArray[np.bool_], penalty: float) -> tuple[FloatArray, float]:
    """Coefficients [J] of the columns [N, J] as they are, and the intercept."""
    # Imported here, as below: to read and to apply a fit, which every worker does, needs neither.
    from scipy.optimize import minimize

    centre, scale = columns.mean(axis=0), columns.std(axis=0)
    # A column of equal values says nothing: its coefficient stays 0.
    constant = scale <= 1e-12 * np.maximum(1.0, np.abs(centre))
    scale = np.where(constant, 1.0, scale)
    standard = np.where(constant, 0.0, (columns - centre) / scale)
    sign = np.where(truth, 1.0, -1.0)

    def loss(weights: FloatArray) -> tuple[float, FloatArray]:
        margin = sign * (standard @ weights[1:] + weights[0])
        pull = -sign * expit(-margin)
        value = np.logaddexp(0.0, -margin).sum() + penalty / 2 * (weights[1:] ** 2).sum()
        return float(value), np.concatenate([[pull.sum()], standard.T @ pull + penalty * weights[1:]])

    share = truth.mean()
    start = np.zeros(columns.shape[1] + 1)
    start[0] = math.log(share / (1 - share))
    bounds = [(None, None), *[(0.0, None)] * columns.shape[1]]
    options = {"maxiter": 5000, "maxfun": 20000, "ftol": 1e-15, "gtol": 1e-9, "maxcor": 20}
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options)
    weights = np.asarray(found.x, dtype=np.float64)
    coefficients = np.where(constant, 0.0, weights[1:] / scale)
    return coefficients, float(weights[0] - (coefficients * centre).sum())


def _with_curve(model: ProbabilityModel, z: FloatArray, truth: NDArray[np.bool_]) -> ProbabilityModel:
    from sklearn.isotonic import IsotonicRegression

    low, high = 1 / ((~truth).sum() + 2), 1 - 1 / (truth.sum() + 2)
    curve = IsotonicRegression(y_min=low, y_max=max(low, high)).fit(z, truth.astype(np.float64))
    corners, heights = curve.X_thresholds_.tolist(), curve.y_thresholds_.tolist()
    return replace(model, method="isotonic", corners=tuple(corners), heights=tuple(heights))


def _transformed(table: pd.DataFrame, inputs: Sequence[str]) -> FloatArray:
    """The columns as they enter the sum, [N, J]; NaN where a value is not finite."""
    if missing := [name for name in inputs if name not in table.columns]:
        raise ValueError(f"the evidence lacks the columns {missing}; it has {list(table.columns)}")
    columns = np.column_stack([table[name].to_numpy(np.float64, na_value=np.nan) for name in inputs])
    for place, name in enumerate(inputs):
        if name in _COUNTS:
            columns[:, place] = np.log1p(np.maximum(columns[:, place], 0.0))
    return np.where(np.isfinite(columns), columns, np.nan)


def _rounded(values: Iterable[float], rounding: Any = round) -> tuple[float, ...]:
    """To nine digits: fewer to read, and the same file from processors that add in another order."""
    rounded = []
    for value in values:
        exponent = _DIGITS - 1 - math.floor(math.log10(abs(value))) if value else 0
        rounded.append(float(rounding(value * 10.0**exponent) / 10.0**exponent) if value else 0.0)
    return tuple(rounded)


def _sequence(name: str, value: Any) -> list[Any]:
    if not isinstance(value, list | tuple):
        raise ValueError(f"{name} must be a list, got {shown(value)}")
    return list(value)


def check_number(name: str, value: Any, low: float, high: float) -> float:
    """The value as a float.

    Raises:
        ValueError: it is no number, not finite, or outside [low, high]; the message names it.
    """
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.integer | np.floating):
        raise ValueError(f"{name} must be a number, got {shown(value)}")
    # Compared before it is converted: a whole number of 400 digits has no float.
    if not low <= value <= high:
        raise ValueError(f"{name} must be a number from {low:g} to {high:g}, got {shown(value)}")
    return float(value)


def shown(value: Any) -> str:
    """A value of unknown size and type for a message: at most 100 characters."""
    text = reprlib.repr(value)
    return text if len(text) <= 100 else f"{text[:97]}..."
