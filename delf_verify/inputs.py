"""Reads the predictions that are to be verified."""

from pathlib import Path

import pandas as pd

from tfrecords_builder.catalog import read_candidates, read_submission
from tfrecords_builder.schema import LANDMARKS


def read_predictions(path: Path) -> pd.DataFrame:
    """Predictions in Kaggle's form (`id,landmarks`) or as candidates (`id,landmark_id,score`).

    Returns:
        Columns id (text), landmark_id (int64, -1 for none) and score (float64).

    Raises:
        OSError: the file cannot be read.
        ValueError: it is of neither form, or a row is bad.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no predictions at {path}")
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        header = [column.strip().strip('"') for column in file.readline(10_000).split(",")]
    return read_submission(path) if LANDMARKS in header else read_candidates(path)
