import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from delf_verify.decision import (
    Thresholds,
    Verdict,
    decide,
    decide_table,
    default_thresholds,
    load_thresholds,
    probabilities,
    save_thresholds,
)
from delf_verify.probability import PAIR_INPUTS, QUERY_INPUTS, ProbabilityModel

PAIR = ProbabilityModel(
    method="logistic",
    inputs=PAIR_INPUTS,
    coefficients=(1.0, 2.0, 1.0),
    lows=(0.0, 0.0, 0.0),
    highs=(6.0, 1.0, 1.0),
    intercept=-4.0,
)
QUERY = ProbabilityModel(
    method="isotonic",
    inputs=QUERY_INPUTS,
    coefficients=(1.0, 0.5, 1.0, 1.0, 3.0),
    lows=(0.0, 0.0, 0.0, 0.0, 0.0),
    highs=(6.0, 5.0, 1.0, 1.0, 1.0),
    intercept=-4.0,
    corners=(-2.0, 0.0, 3.0),
    heights=(0.05, 0.4, 0.95),
    rows=200,
    share_true=0.25,
)


@pytest.mark.parametrize(
    ("largest", "mean", "verdict"),
    [
        (25, 0, Verdict.CONFIRMED),
        (24, 8, Verdict.WRONG),
        (24, 8.001, Verdict.CONFIRMED),
        (10, 5, Verdict.WRONG),
        (10, 4.999, Verdict.DISTRACTOR),
        (0, 0, Verdict.DISTRACTOR),
        (float("nan"), float("nan"), Verdict.UNVERIFIED),
    ],
)
def test_seed_003_by_hand(largest: float, mean: float, verdict: Verdict) -> None:
    assert decide(largest, mean, Thresholds()) is verdict


number = st.one_of(st.integers(0, 60).map(float), st.floats(0, 60), st.just(float("nan")))


@given(st.lists(st.tuples(number, number), max_size=20), st.floats(0, 60), st.floats(0, 20), st.floats(0, 20))
def test_the_table_decides_like_the_function(rows, largest: float, one: float, other: float) -> None:
    thresholds = Thresholds(max_inliers=largest, mean_inliers=max(one, other), distractor_inliers=min(one, other))
    table = pd.DataFrame(rows, columns=["max_inliers", "mean_inliers"], dtype=float)
    table.index = table.index + 100
    verdicts = decide_table(table, thresholds)
    assert verdicts.tolist() == [decide(x, m, thresholds).value for x, m in rows]
    assert verdicts.index.equals(table.index)
    assert verdicts.name == "verdict"


def evidence_rows() -> pd.DataFrame:
    generator = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "max_inliers": generator.integers(0, 60, 50).astype(float),
            "mean_inliers": generator.uniform(0, 12, 50),
            "inlier_ratio": generator.random(50),
            "spread": generator.random(50),
            "score": generator.random(50),
        }
    )
    table.iloc[:3] = np.nan
    table.loc[5:8, "score"] = np.nan
    return table


def test_a_query_without_a_score_falls_back_to_the_geometry() -> None:
    table = evidence_rows()
    found = probabilities(table, Thresholds(pair=PAIR, query=QUERY))
    pair = PAIR.predict(table.rename(columns={"max_inliers": "num_inliers"}))
    np.testing.assert_array_equal(found[5:9], pair[5:9])
    np.testing.assert_array_equal(found[9:], QUERY.predict(table)[9:])
    assert np.isnan(found[:3]).all() and not np.isnan(found[3:]).any()
    without = probabilities(table.drop(columns="score"), Thresholds(pair=PAIR, query=QUERY))
    np.testing.assert_array_equal(without, pair)


def test_no_fit_gives_no_probability() -> None:
    table = evidence_rows()
    assert np.isnan(probabilities(table, Thresholds())).all()
    assert np.isnan(probabilities(table[["max_inliers", "mean_inliers"]], Thresholds(pair=PAIR))).all()


def test_pairs_have_a_probability_without_being_renamed() -> None:
    table = evidence_rows().rename(columns={"max_inliers": "num_inliers"})
    np.testing.assert_array_equal(probabilities(table, Thresholds(pair=PAIR)), PAIR.predict(table))


def test_the_calibrated_rule_decides_by_the_probability() -> None:
    table = evidence_rows()
    table.loc[10:12, "spread"] = np.nan
    thresholds = Thresholds(query=QUERY, confirmed_probability=0.6)
    found = probabilities(table, thresholds)
    verdicts = decide_table(table, thresholds)
    rows = zip(table["max_inliers"], table["mean_inliers"], found, strict=True)
    assert verdicts.tolist() == [decide(x, m, thresholds, p).value for x, m, p in rows]
    known = ~np.isnan(found)
    assert ((verdicts == "confirmed") == (found >= 0.6))[known].all()
    # Both outcomes, and rows on which the two rules disagree, are in the sample.
    assert set(verdicts[known]) == {"confirmed", "wrong", "distractor"}
    usual = decide_table(table, Thresholds())
    assert (usual != verdicts)[known].any()
    assert verdicts[~known].equals(usual[~known]), "without a probability the numbers of inliers decide"


def test_a_wanted_probability_of_zero_confirms_whatever_was_compared() -> None:
    verdicts = decide_table(evidence_rows(), Thresholds(pair=PAIR, confirmed_probability=0))
    assert verdicts.value_counts().to_dict() == {"confirmed": 47, "unverified": 3}
    assert decide(0, 0.0, Thresholds(pair=PAIR, confirmed_probability=0), 0.0) is Verdict.CONFIRMED


def test_a_fit_alone_changes_no_verdict() -> None:
    table = evidence_rows()
    assert decide_table(table, Thresholds(pair=PAIR, query=QUERY)).equals(decide_table(table, Thresholds()))


def test_defaults_belong_to_an_extractor() -> None:
    assert default_thresholds("delf:somewhere") == Thresholds()
    rule = default_thresholds("sift")
    assert (rule.max_inliers, rule.mean_inliers, rule.distractor_inliers) == (25, 8, 5)


def test_a_table_without_a_column_is_refused() -> None:
    with pytest.raises(ValueError, match=r"lacks the columns \['mean_inliers'\]"):
        decide_table(pd.DataFrame({"max_inliers": [1]}), Thresholds())


def test_save_and_load(tmp_path: Path) -> None:
    thresholds = Thresholds(max_inliers=12, mean_inliers=np.float64(3.5), distractor_inliers=2, extractor="sift-1")
    save_thresholds(thresholds, tmp_path / "a.yaml")
    save_thresholds(thresholds, tmp_path / "b.yaml")
    assert load_thresholds(tmp_path / "a.yaml") == thresholds
    assert (tmp_path / "a.yaml").read_bytes() == (tmp_path / "b.yaml").read_bytes()


def test_fits_are_saved_and_loaded(tmp_path: Path) -> None:
    thresholds = Thresholds(extractor="sift-1", pair=PAIR, query=QUERY, confirmed_probability=0.9)
    save_thresholds(thresholds, tmp_path / "a.yaml")
    assert load_thresholds(tmp_path / "a.yaml") == thresholds
    # As verify.json keeps them.
    assert Thresholds(**json.loads(json.dumps(asdict(thresholds)))) == thresholds


def test_files_of_earlier_versions_load(tmp_path: Path) -> None:
    (tmp_path / "old.yaml").write_text(
        "# Decision rule of tfland verify: see delf_verify/decision.py\n"
        "max_inliers: 12.0\nmean_inliers: 3.5\ndistractor_inliers: 2.0\nextractor: sift-1\n"
    )
    loaded = load_thresholds(tmp_path / "old.yaml")
    assert loaded == Thresholds(max_inliers=12, mean_inliers=3.5, distractor_inliers=2, extractor="sift-1")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("max_inlier: 3\n", r"unknown keys \['max_inlier'\]; known are \['max_inliers'"),
        ("- 1\n", "must hold 'key: value' lines, got list"),
        ("", "must hold 'key: value' lines, got NoneType"),
        ("max_inliers: [\n", "is not valid YAML"),
        ("max_inliers: many\n", "max_inliers must be a number, got 'many'"),
        ("max_inliers: true\n", "max_inliers must be a number, got True"),
        ("max_inliers: .nan\n", r"max_inliers must be a number from 0 to 1e\+09, got nan"),
        ("distractor_inliers: -1\n", r"distractor_inliers must be a number from 0 to 1e\+09, got -1"),
        ("mean_inliers: 3\n", r"distractor_inliers \(5.0\) must not be above mean_inliers \(3.0\)"),
        ("extractor: 5\n", "extractor must be a fingerprint .* got 5"),
        (f"max_inliers: {10**400}\n", r"max_inliers must be a number from 0 to 1e\+09, got 1000"),
        (f"max_inliers: 1{'0' * 5000}\n", "is not valid YAML: Exceeds the limit"),
        ("max_inliers: 2020-13-45\n", "is not valid YAML: month must be in"),
        ("[" * 5000, "is not valid YAML"),
        ("confirmed_probability: 0.5\n", r"unknown keys \['confirmed_probability'\]; known are .*'probability'"),
        ("probability: [1]\n", r"probability must hold 'key: value' lines, got \[1\]"),
        ("probability: {pairs: 1}\n", r"unknown keys \['pairs'\]; known are \['pair', 'query', 'confirmed_prob"),
        ("probability: {confirmed_probability: 0.5}\n", "confirmed_probability 0.5 needs a fit"),
        ("probability: {confirmed_probability: 1.5}\n", "confirmed_probability must be a number from 0 to 1, got 1.5"),
        ("probability: {confirmed_probability: .nan}\n", "confirmed_probability must be a number .* got nan"),
        ("probability: {pair: 7}\n", "probability of a pair: a fit must be 'key: value' lines, got 7"),
        ("probability: {query: {method: forest}}\n", r"probability of a query: the keys \['inputs'"),
        (
            "probability: {pair: {method: forest, inputs: [spread], coefficients: [1], lows: [0], highs: [1], "
            "intercept: 0}}\n",
            r"probability of a pair: method must be one of \['logistic', 'isotonic'\], got 'forest'",
        ),
        (
            "probability: {pair: {method: logistic, inputs: [score], coefficients: [1], lows: [0], highs: [1], "
            "intercept: 0}}\n",
            r"the fit pair has the inputs \('score',\), known are \('num_inliers'",
        ),
        ("!!python/object/apply:os.system ['true']\n", "is not valid YAML"),
    ],
)
def test_bad_files_are_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "thresholds.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match=message) as caught:
        load_thresholds(path)
    assert str(path) in str(caught.value)


def test_missing_and_binary_files(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        load_thresholds(tmp_path / "none.yaml")
    (tmp_path / "b.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match="is not valid YAML"):
        load_thresholds(tmp_path / "b.yaml")


def test_thresholds_belong_to_their_extractor() -> None:
    Thresholds().check_extractor("anything")
    Thresholds(extractor="a").check_extractor("a")
    with pytest.raises(ValueError, match="tuned for the features 'a', these are 'b'"):
        Thresholds(extractor="a").check_extractor("b")
