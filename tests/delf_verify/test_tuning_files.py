from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from delf_verify.decision import load_thresholds
from delf_verify.labelled_sample import LabelledSample
from delf_verify.pair_tuning import pair_sample, tune_pairs
from delf_verify.tuning import TuningOptions, TuningResult
from delf_verify.tuning_files import describe, figures_table, write_tuning


@pytest.fixture(scope="module")
def tuned() -> tuple[TuningResult, LabelledSample]:
    generator = np.random.default_rng(0)
    same = np.arange(60) % 2 == 0
    inliers = np.where(same, generator.integers(8, 60, 60), generator.integers(0, 12, 60))
    scores = pd.DataFrame({"inliers": inliers, "inlier_ratio": inliers / 100, "spread": generator.random(60)})
    places = pd.DataFrame({"a": [f"p{n // 2 % 6}" for n in range(60)]})
    places["b"] = np.where(same, places["a"], [f"p{(n // 2 + 1) % 6}" for n in range(60)])
    sample = pair_sample(scores, same, places, "sift-1")
    return tune_pairs(sample, precision=0.9, options=TuningOptions(folds=3)), sample


def test_thresholds_tables_and_plots_are_written(tmp_path: Path, tuned: tuple[TuningResult, LabelledSample]) -> None:
    result, sample = tuned
    files = write_tuning(tmp_path / "new" / "rule.yaml", result, sample)
    assert files[0].name == "rule.yaml"
    assert {path.name.removeprefix("rule_") for path in files[1:]} == {
        "sweep.csv",
        "probability.csv",
        "figures.csv",
        "sweep.png",
        "inliers.png",
        "reliability.png",
    }
    assert load_thresholds(files[0]) == result.thresholds
    for path in files[1:]:
        content = path.read_bytes()
        assert content.startswith(b"\x89PNG") if path.suffix == ".png" else len(pd.read_csv(path)) > 2
    again = write_tuning(tmp_path / "again" / "rule.yaml", result, sample)
    assert [path.read_bytes() for path in files] == [path.read_bytes() for path in again]


def test_the_figures_table_holds_both_rules(tuned: tuple[TuningResult, LabelledSample]) -> None:
    result, _ = tuned
    table = figures_table(result).set_index(["rule", "sample"])
    assert set(table.index) == {
        (rule, part) for rule in ("inliers", "probability") for part in ("in-sample", "held out")
    }
    assert table.loc[(result.rule, "held out"), "decides"] == 1 and table["decides"].sum() == 2
    held_out = result.deciding.held_out
    assert held_out is not None
    assert table.loc[(result.rule, "held out"), "objective"] == held_out.objective
    assert tuple(table.loc[(result.rule, "held out"), ["low", "high"]]) == held_out.interval


def test_both_samples_are_told(tuned: tuple[TuningResult, LabelledSample]) -> None:
    result, _ = tuned
    text = "\n".join(describe(result))
    held_out = result.deciding.held_out
    assert held_out is not None
    assert f"held out (3 folds): recall {held_out.objective:.4f} [" in text
    assert f"in-sample: recall {result.deciding.in_sample.objective:.4f} [" in text
    assert text.count("(this rule decides)") == 1
    assert "nothing dropped: recall 1.0000, precision 0.500 on 60 rows" in text
