import json
import math
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from delf_verify.probability import (
    PAIR_INPUTS,
    QUERY_INPUTS,
    ProbabilityModel,
    check_number,
    fit_probability,
    shown,
)


def simulated(seed: int, rows: int) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Pairs, which of them are true, and with which probability each of them was made true."""
    generator = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "num_inliers": generator.negative_binomial(1, 0.08, rows),
            "inlier_ratio": generator.random(rows),
            "spread": generator.random(rows),
        }
    )
    z = -5 + 1.5 * np.log1p(table["num_inliers"]) + 2 * table["inlier_ratio"] + 1 * table["spread"]
    probability = 1 / (1 + np.exp(-z.to_numpy()))
    return table, generator.random(rows) < probability, probability


def reliability_error(probability: np.ndarray, truth: np.ndarray) -> float:
    """Mean distance between predicted and seen shares over ten bins of equal size."""
    bins = np.array_split(np.argsort(probability, kind="stable"), 10)
    return float(np.mean([abs(probability[rows].mean() - truth[rows].mean()) for rows in bins]))


@pytest.mark.parametrize("method", ["logistic", "isotonic"])
def test_probabilities_of_new_data_are_reliable(method: str) -> None:
    table, is_true, _ = simulated(0, 2000)
    model = fit_probability(table, is_true, PAIR_INPUTS, method)
    others, others_true, probability = simulated(1, 20_000)
    predicted = model.predict(others)
    assert reliability_error(predicted, others_true) < 0.025
    assert np.abs(predicted - probability).mean() < 0.03
    # Labels turned round are what an unreliable fit looks like to this measure.
    assert reliability_error(predicted, ~others_true) > 0.3


def slow_fit(table: pd.DataFrame, is_true: np.ndarray, penalty: float) -> np.ndarray:
    """Projected gradient descent over standardised inputs, 30,000 small steps; weights, the intercept first."""
    columns = np.column_stack([np.log1p(table["num_inliers"]), table["inlier_ratio"], table["spread"]])
    standard = (columns - columns.mean(axis=0)) / columns.std(axis=0)
    weights = np.zeros(4)
    for _ in range(30_000):
        p = 1 / (1 + np.exp(-(weights[0] + standard @ weights[1:])))
        gradient = np.concatenate([[(p - is_true).sum()], standard.T @ (p - is_true) + penalty * weights[1:]])
        weights = weights - 0.01 * gradient
        weights[1:] = np.maximum(weights[1:], 0)
    coefficients = weights[1:] / columns.std(axis=0)
    return np.concatenate([[weights[0] - coefficients @ columns.mean(axis=0)], coefficients])


@pytest.mark.parametrize("turned", [False, True])
def test_the_fit_is_that_of_a_slow_recomputation(turned: bool) -> None:
    """Also where an input speaks against the label, whose coefficient then ends at its bound."""
    table, is_true, _ = simulated(2, 80)
    if turned:
        table["spread"] = 0.5 * table["spread"] + 0.5 * ~is_true
    model = fit_probability(table, is_true, PAIR_INPUTS, penalty=0.7)
    assert [model.intercept, *model.coefficients] == pytest.approx(slow_fit(table, is_true, 0.7), abs=2e-5)
    assert (model.coefficients[2] == 0) == turned


def test_the_isotonic_curve_is_that_of_pooling_by_hand() -> None:
    """Pool adjacent violators, one at a time; then kept 1 / (n + 2) away from 0 and 1."""
    table = pd.DataFrame({"num_inliers": [0, 1, 2, 3, 4, 5, 6, 7], "inlier_ratio": 0.5, "spread": 0.5})
    is_true = np.array([0, 0, 1, 0, 1, 0, 1, 1], dtype=bool)
    pools = [[float(value)] for value in is_true]
    while any(np.mean(one) > np.mean(two) for one, two in pairwise(pools)):
        place = next(n for n in range(len(pools) - 1) if np.mean(pools[n]) > np.mean(pools[n + 1]))
        pools[place : place + 2] = [pools[place] + pools[place + 1]]
    expected = np.clip([np.mean(pool) for pool in pools for _ in pool], 1 / 6, 5 / 6)
    model = fit_probability(table, is_true, PAIR_INPUTS, "isotonic")
    assert model.predict(table) == pytest.approx(expected)


MODELS = {
    (name, method): fit_probability(table.assign(max_inliers=table["num_inliers"], **extra), truth, inputs, method)
    for table, truth, _ in [simulated(3, 300)]
    for name, inputs, extra in [
        ("pair", PAIR_INPUTS, {}),
        ("query", QUERY_INPUTS, {"mean_inliers": table["num_inliers"] / 3, "score": table["spread"] * 7 - 3}),
    ]
    for method in ("logistic", "isotonic")
}


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_more_evidence_never_lowers_the_probability(data: st.DataObject) -> None:
    model = MODELS[data.draw(st.sampled_from(sorted(MODELS)))]
    values = st.floats(-10, 1e6) | st.floats(0, 1)
    row = {name: data.draw(values) for name in model.inputs}
    more = {name: value + data.draw(st.floats(0, 100) | st.just(0.0)) for name, value in row.items()}
    low, high = model.predict(pd.DataFrame([row, more]))
    assert 0 <= low <= high <= 1


def test_separable_evidence_stays_finite() -> None:
    table = pd.DataFrame({"num_inliers": [0, 1, 2, 90, 95, 99], "inlier_ratio": [0, 0, 0, 1, 1, 1], "spread": 0.5})
    model = fit_probability(table, np.arange(6) >= 3, PAIR_INPUTS)
    assert max(model.coefficients) < 10
    predicted = model.predict(table)
    assert 0.005 < predicted[0] < 0.1 and 0.9 < predicted[-1] < 0.995


def test_two_rows_are_fitted() -> None:
    table = pd.DataFrame({"num_inliers": [2, 30], "inlier_ratio": [0.1, 0.5], "spread": [0.1, 0.5]})
    low, high = fit_probability(table, [False, True], PAIR_INPUTS).predict(table)
    assert 0.02 < low < 0.5 < high < 0.98
    low, high = fit_probability(table, [False, True], PAIR_INPUTS, "isotonic").predict(table)
    assert (low, high) == pytest.approx((1 / 3, 2 / 3))


def test_equal_evidence_gives_the_share_of_the_true() -> None:
    table = pd.DataFrame({"num_inliers": [7] * 4, "inlier_ratio": 0.3, "spread": 0.0})
    model = fit_probability(table, [True, False, True, True], PAIR_INPUTS)
    assert model.coefficients == (0.0, 0.0, 0.0)
    assert model.predict(table) == pytest.approx([0.75] * 4)
    assert (model.rows, model.share_true) == (4, 0.75)


def test_rows_that_are_not_complete_are_left_out() -> None:
    table, is_true, _ = simulated(4, 60)
    holes = pd.DataFrame({"num_inliers": [np.nan, 900, 3], "inlier_ratio": [0.5, np.inf, 0.5], "spread": [0, 0, None]})
    more = pd.concat([table.astype(float), holes.astype(float)])
    model = fit_probability(more, [*is_true, False, False, True], PAIR_INPUTS)
    assert model == fit_probability(table, is_true, PAIR_INPUTS)
    assert np.isnan(model.predict(more)).tolist() == [False] * 60 + [True] * 3


def test_a_score_beyond_the_fit_counts_as_its_largest() -> None:
    model = MODELS["query", "logistic"]
    row = {"max_inliers": 5.0, "mean_inliers": 2.0, "inlier_ratio": 0.2, "spread": 0.3}
    low, high, beyond = model.predict(pd.DataFrame([{**row, "score": score} for score in (-2.9, 4.0, 4e6)]))
    assert low < high == beyond


def test_the_order_and_number_of_rows_do_not_matter() -> None:
    table, is_true, _ = simulated(5, 200)
    model = fit_probability(table, is_true, PAIR_INPUTS)
    order = np.random.default_rng(0).permutation(200)
    other = fit_probability(table.iloc[order], is_true[order], PAIR_INPUTS)
    assert other.coefficients == pytest.approx(model.coefficients, rel=1e-6)
    together = model.predict(table)
    assert [model.predict(table.iloc[[row]])[0] for row in range(200)] == together.tolist()


@pytest.mark.parametrize("key", MODELS)
def test_a_fit_survives_yaml_and_json(key: tuple[str, str]) -> None:
    model = MODELS[key]
    content = model.to_mapping()
    assert ProbabilityModel.from_mapping(yaml.safe_load(yaml.safe_dump(content))) == model
    assert ProbabilityModel.from_mapping(json.loads(json.dumps(content))) == model


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"is_true": [True, True]}, "both kinds: of 2 rows, 2 have all of num_inliers, .*, 2 of them true"),
        ({"is_true": [False, False]}, "both kinds: of 2 rows, 2 have all of num_inliers, .*, 0 of them true"),
        ({"table": pd.DataFrame(columns=list(PAIR_INPUTS), dtype=float), "is_true": []}, "both kinds: of 0 rows"),
        ({"is_true": [True]}, "2 rows of evidence but 1 labels"),
        ({"table": pd.DataFrame({"spread": [1.0, 2.0]})}, r"lacks the columns \['num_inliers', 'inlier_ratio'\]"),
        ({"method": "forest"}, "method='forest'"),
        ({"penalty": 0.0}, "a penalty > 0"),
        ({"inputs": ("spread", "weather")}, "lacks the columns"),
    ],
)
def test_bad_samples_are_refused(change: dict, message: str) -> None:
    table = pd.DataFrame({"num_inliers": [1.0, 9.0], "inlier_ratio": [0.1, 0.2], "spread": [0.1, 0.2]})
    arguments = {"table": table, "is_true": [False, True], "inputs": PAIR_INPUTS} | change
    with pytest.raises(ValueError, match=message):
        fit_probability(**arguments)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"method": "forest"}, r"method must be one of \['logistic', 'isotonic'\], got 'forest'"),
        ({"method": ["logistic"]}, "method must be one of"),
        ({"inputs": "spread"}, "inputs must be a list, got 'spread'"),
        ({"inputs": []}, "inputs must be different ones"),
        ({"inputs": ["spread", "spread"]}, "inputs must be different ones"),
        ({"inputs": ["spread", {"a": 1}]}, "inputs must be different ones"),
        ({"coefficients": [1.0]}, "2 inputs but 1 coefficients"),
        ({"coefficients": [1.0, -0.1]}, "coefficients must be a number from 0 to 1e.09, got -0.1"),
        ({"coefficients": [1.0, math.nan]}, "coefficients must be a number from 0 to 1e.09, got nan"),
        ({"coefficients": [1.0, "2"]}, "coefficients must be a number, got '2'"),
        ({"coefficients": [1.0, True]}, "coefficients must be a number, got True"),
        ({"lows": [0.0, 10**400]}, "lows must be a number from -1e.09 to 1e.09, got 1000"),
        ({"lows": [0.0, 2.0]}, r"lows \(0.0, 2.0\) must not be above highs"),
        ({"intercept": math.inf}, "intercept must be a number .* got inf"),
        ({"intercept": None}, "intercept must be a number, got None"),
        ({"corners": [0.0]}, "1 corners and 0 heights"),
        ({"method": "isotonic"}, "0 corners and 0 heights"),
        ({"method": "isotonic", "corners": [1.0, 0.0], "heights": [0.1, 0.2]}, "corners must ascend"),
        ({"method": "isotonic", "corners": [0.0, 1.0], "heights": [0.2, 0.1]}, "heights must ascend"),
        ({"method": "isotonic", "corners": [0.0, 1.0], "heights": [0.2, 1.1]}, "heights must be a number from 0 to 1"),
        ({"share_true": 2}, "share_true must be a number from 0 to 1, got 2"),
        ({"colour": 2}, r"unknown keys \['colour'\]; known are \['method'"),
    ],
)
def test_damaged_fits_are_refused(change: dict, message: str) -> None:
    good = {
        "method": "logistic",
        "inputs": ["num_inliers", "spread"],
        "coefficients": [1.0, 0.5],
        "lows": [0.0, 0.0],
        "highs": [5.0, 1.0],
        "intercept": -2.0,
    }
    assert ProbabilityModel.from_mapping(good).rows == 0
    with pytest.raises(ValueError, match=message):
        ProbabilityModel.from_mapping(good | change)


@pytest.mark.parametrize(
    ("content", "message"),
    [([1], r"'key: value' lines, got \[1\]"), ({}, r"keys \['method', 'inputs'"), (None, "got None")],
)
def test_what_is_no_fit_is_refused(content: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ProbabilityModel.from_mapping(content)


def test_values_are_shown_in_short() -> None:
    bomb: list = ["x" * 50]
    for _ in range(40):
        bomb = [bomb] * 10
    assert len(shown(bomb)) <= 100
    with pytest.raises(ValueError, match="depth must be a number, got"):
        check_number("depth", bomb, 0, 1)
