"""The rows of the sortable table as columns, small enough for 100,000 of them on one page; more are split."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from delf_verify.decision import Verdict
from delf_verify.report_model import TRUTHS
from delf_verify.report_text import visible
from tfrecords_builder.schema import ID, LANDMARK, NO_LANDMARK_ID, REASON, SCORE

# A page holds these and up to 24 cards of a quarter of a megabyte, and stays under 20 MB.
MOST_BYTES = 11_000_000
# Numbers of a row, with commas: more than any row has.
_NUMBER_BYTES = 64
_VERDICTS = [verdict.value for verdict in Verdict]


@dataclass(frozen=True, kw_only=True)
class TableRows:
    """Everything that the table of all predictions shows.

    Attributes:
        verified: the table of verified.csv.
        truths: [rows] from `report_model.truth_of_rows`.
        labels: names of the landmarks.
        cards: [rows] number of the card of each row, 0 for none.
        has_truth: whether anybody knows the truth.
    """

    verified: pd.DataFrame
    truths: NDArray[np.object_]
    labels: Mapping[int, str]
    cards: NDArray[np.int64]
    has_truth: bool

    def parts(self) -> list[tuple[int, int]]:
        """(first row, end) of the parts of at most MOST_BYTES each, at least one part."""
        table = self.verified
        sizes = np.full(len(table), _NUMBER_BYTES)
        for name in (ID, "best_image_id", REASON):
            texts = (
                table[name].where(table["verdict"] == Verdict.UNVERIFIED.value, "") if name == REASON else table[name]
            )
            sizes += [len(script_json(visible(text))) + 1 for text in texts]
        sizes += [len(script_json(visible(self.labels.get(landmark, "")))) for landmark in table[LANDMARK]]
        cuts, total = [0], 0
        for row, size in enumerate(sizes.tolist()):
            if total + size > MOST_BYTES and row > cuts[-1]:
                cuts.append(row)
                total = 0
            total += size
        return list(zip(cuts, [*cuts[1:], len(table)], strict=True))

    def data(self, first: int, end: int, pages: Mapping[str, int]) -> str:
        """JSON of the rows from `first` to `end`, for a <script> element; report.js knows the keys.

        The reason is given where the numbers do not say it, that is for unverified predictions.

        Args:
            first: row.
            end: row after the last.
            pages: how the cards are spread over pages: "size" and "digits".
        """
        part = self.verified.iloc[first:end]
        landmarks = [None if one == NO_LANDMARK_ID else int(one) for one in part[LANDMARK]]
        unverified = np.flatnonzero((part["verdict"] == Verdict.UNVERIFIED.value).to_numpy())
        names = {one: self.labels[one] for one in dict.fromkeys(landmarks) if one is not None and one in self.labels}
        truths = [TRUTHS.index(truth) if truth in TRUTHS else None for truth in self.truths[first:end]]
        content: dict[str, Any] = {
            "verdicts": _VERDICTS,
            "truths": list(TRUTHS) if self.has_truth else [],
            "labels": {str(one): visible(name) for one, name in names.items()},
            "pages": dict(pages),
            "id": [visible(text) for text in part[ID]],
            "landmark": landmarks,
            "score": _significant(part[SCORE]),
            "verdict": [_VERDICTS.index(verdict) for verdict in part["verdict"]],
            "probability": _rounded(part["probability"], 4),
            "inliers": _rounded(part["max_inliers"], 0),
            "mean": _rounded(part["mean_inliers"], 2),
            "ratio": _rounded(part["inlier_ratio"], 3),
            "spread": _rounded(part["spread"], 3),
            "images": part["images_compared"].astype(int).tolist(),
            "best": [visible(text) for text in part["best_image_id"]],
            "truth": truths if self.has_truth else [],
            "card": self.cards[first:end].tolist(),
            "reasons": {str(row): visible(part[REASON].iloc[row]) for row in unverified.tolist()},
        }
        return script_json(content)


def script_json(content: Any) -> str:
    """JSON that may stand within a <script> element: no '<', so that nothing in it can end the element."""
    text = json.dumps(content, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _rounded(values: pd.Series, digits: int) -> list[float | int | None]:
    numbers = values.to_numpy(np.float64)
    rounded = [None if np.isnan(value) else round(value, digits) for value in numbers.tolist()]
    return [int(value) if value is not None and value == int(value) else value for value in rounded]


def _significant(values: pd.Series) -> list[float | None]:
    return [None if np.isnan(value) else float(f"{value:.4g}") for value in values.to_numpy(np.float64).tolist()]
