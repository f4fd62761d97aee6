from pathlib import Path

import numpy as np
import pandas as pd

from delf_verify.decision import load_thresholds
from delf_verify.pair_tuning import tune_pairs
from delf_verify.tuning_files import write_tuning


def test_thresholds_table_and_plots_are_written(tmp_path: Path) -> None:
    inliers, same = np.array([1, 2, 30, 40]), np.array([False, False, True, True])
    result = tune_pairs(inliers, same, precision=0.9, extractor="sift-1")
    files = write_tuning(
        tmp_path / "new" / "rule.yaml", result, inliers=inliers.astype(float), is_true=same, objective="precision"
    )
    assert [path.name for path in files] == ["rule.yaml", "rule_sweep.csv", "rule_sweep.png", "rule_inliers.png"]
    assert load_thresholds(files[0]) == result.thresholds
    assert len(pd.read_csv(files[1])) == len(result.table)
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in files[2:])
