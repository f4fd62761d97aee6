from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from delf_verify.decision import Thresholds, Verdict, decide, decide_table, load_thresholds, save_thresholds


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


def test_a_table_without_a_column_is_refused() -> None:
    with pytest.raises(ValueError, match=r"lacks the columns \['mean_inliers'\]"):
        decide_table(pd.DataFrame({"max_inliers": [1]}), Thresholds())


def test_save_and_load(tmp_path: Path) -> None:
    thresholds = Thresholds(max_inliers=12, mean_inliers=np.float64(3.5), distractor_inliers=2, extractor="sift-1")
    save_thresholds(thresholds, tmp_path / "a.yaml")
    save_thresholds(thresholds, tmp_path / "b.yaml")
    assert load_thresholds(tmp_path / "a.yaml") == thresholds
    assert (tmp_path / "a.yaml").read_bytes() == (tmp_path / "b.yaml").read_bytes()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("max_inlier: 3\n", r"unknown keys \['max_inlier'\]; known are \['max_inliers'"),
        ("- 1\n", "must hold 'key: value' lines, got list"),
        ("", "must hold 'key: value' lines, got NoneType"),
        ("max_inliers: [\n", "is not valid YAML"),
        ("max_inliers: many\n", "max_inliers must be a number, got 'many'"),
        ("max_inliers: true\n", "max_inliers must be a number, got True"),
        ("max_inliers: .nan\n", "max_inliers must be a number of inliers >= 0, got nan"),
        ("distractor_inliers: -1\n", "distractor_inliers must be a number of inliers >= 0, got -1"),
        ("mean_inliers: 3\n", r"distractor_inliers \(5.0\) must not be above mean_inliers \(3.0\)"),
        ("extractor: 5\n", "extractor must be a fingerprint .* got 5"),
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
