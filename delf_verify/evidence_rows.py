"""Evidence as rows of a CSV, one a compared index image; rows of one prediction stand together.

The parts of unfinished work and evidence.csv have the same rows. They are read as a stream: two million of them need
not be in memory.
"""

import csv
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import IO

import numpy as np
import pandas as pd

from delf_verify.evidence import ImageEvidence, QueryEvidence, QuerySummary
from tfrecords_builder.schema import ID, LANDMARK

EVIDENCE_COLUMNS = [ID, LANDMARK, "image_id", "matches", "inliers", "spread"]
SUMMARY_COLUMNS = ["max_inliers", "mean_inliers", "inlier_ratio", "spread", "images_compared", "best_image_id"]
# As many digits as verified.csv keeps: its reader finds the same verdicts.
DECIMALS = 6

_HINT = "delete verify.json of that folder and run tfland verify again"

Key = tuple[str, int]


def write_rows(file: IO[str], landmark_id: int, found: Iterable[tuple[str, QueryEvidence]]) -> None:
    """Writes the evidence on one landmark.

    Args:
        file: opened with newline="".
        landmark_id: the landmark.
        found: queries and what the landmark's index images say of them.
    """
    csv.writer(file, lineterminator="\n").writerows(
        (query_id, landmark_id, image.image_id, image.num_putative, image.num_inliers, image.spread)
        for query_id, evidence in found
        for image in evidence.images
    )


def read_rows(lines: Iterable[str], name: str) -> Iterator[tuple[Key, QueryEvidence]]:
    """The evidence on every (query, landmark), one after the other.

    Args:
        lines: of a CSV opened with newline="".
        name: of the file, for the message.

    Raises:
        ValueError: the header or a row is bad.
    """
    rows = csv.reader(lines)
    if (header := next(rows, [])) != EVIDENCE_COLUMNS:
        raise ValueError(f"{name} has the columns {header}, expected {EVIDENCE_COLUMNS}: is it made by tfland verify?")
    try:
        for (query_id, landmark_id), some in groupby(rows, key=lambda row: (row[0], row[1])):
            images = tuple(_image_of(row) for row in some)
            yield (query_id, int(landmark_id)), QueryEvidence.of(images)
    except (ValueError, IndexError, csv.Error) as error:
        raise ValueError(f"{name} is damaged, line {rows.line_num}: {error}; {_HINT}") from error


def _image_of(row: list[str]) -> ImageEvidence:
    _, _, image_id, matches, inliers, spread = row
    return ImageEvidence(image_id, int(matches), int(inliers), float(spread))


def sum_up(found: Iterable[tuple[Key, QuerySummary]], predictions: pd.DataFrame) -> pd.DataFrame:
    """The evidence on every prediction in one row, numbers rounded to DECIMALS.

    Args:
        found: by (query, landmark), each once.
        predictions: columns id and landmark_id.

    Returns:
        SUMMARY_COLUMNS, in the order of the predictions: float64, NaN where nothing was compared; images_compared
        int64, best_image_id text.

    Raises:
        ValueError: there is evidence on something that is not predicted.
    """
    keys: Sequence[Key] = list(zip(predictions[ID].tolist(), predictions[LANDMARK].tolist(), strict=True))
    rows = {key: row for row, key in enumerate(keys)}
    numbers = np.full((4, len(keys)), np.nan)
    counts, best = np.zeros(len(keys), np.int64), np.full(len(keys), "", dtype=object)
    for key, one in found:
        if (row := rows.get(key)) is None:
            raise ValueError(
                f"there is evidence on query {key[0]!r} and landmark {key[1]}, which nobody predicts; {_HINT}"
            )
        numbers[:, row] = (
            one.max_inliers,
            round(one.mean_inliers, DECIMALS),
            round(one.inlier_ratio, DECIMALS),
            one.spread,
        )
        counts[row], best[row] = one.num_images, one.best_image_id
    columns = [*numbers, counts, best]
    return pd.DataFrame(dict(zip(SUMMARY_COLUMNS, columns, strict=True)), index=predictions.index)
