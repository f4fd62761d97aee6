import io

import numpy as np
import pandas as pd
import pytest

from delf_verify.evidence import ImageEvidence, QueryEvidence
from delf_verify.evidence_rows import EVIDENCE_COLUMNS, SUMMARY_COLUMNS, read_rows, sum_up, write_rows

HEADER = ",".join(EVIDENCE_COLUMNS) + "\n"
FOUND = {
    ("q1", 7): QueryEvidence.of((ImageEvidence("i1", 50, 41, 0.123456), ImageEvidence("NA", 3, 0, 0.0))),
    ("q1", 8): QueryEvidence.of((ImageEvidence("i1", 3, 3, 1.0),)),
    ('a,"b"\n<script>', 8): QueryEvidence.of(tuple(ImageEvidence(f"i{n}", 9, n, n / 7) for n in range(3))),
}


def text_of(found: dict[tuple[str, int], QueryEvidence]) -> str:
    file = io.StringIO(newline="")
    for (query_id, landmark_id), evidence in found.items():
        write_rows(file, landmark_id, [(query_id, evidence)])
    return HEADER + file.getvalue()


def test_evidence_comes_back_as_it_went() -> None:
    assert dict(read_rows(io.StringIO(text_of(FOUND), newline=""), "e.csv")) == FOUND


def test_the_summary_is_in_the_order_of_the_predictions() -> None:
    keys = [('a,"b"\n<script>', 8), ("lost", 1), ("q1", 8), ("q1", 7)]
    predictions = pd.DataFrame(keys, columns=["id", "landmark_id"], index=[5, 3, 9, 1])
    table = sum_up(iter(FOUND.items()), predictions)
    assert list(table.index) == [5, 3, 9, 1] and list(table.columns) == SUMMARY_COLUMNS
    assert table["best_image_id"].tolist() == ["i2", "", "i1", "i1"]
    assert table["images_compared"].tolist() == [3, 0, 1, 2]
    assert table["spread"].tolist()[2:] == [1.0, 0.123456]
    np.testing.assert_array_equal(table["mean_inliers"], [1.0, np.nan, 3.0, 20.5])
    np.testing.assert_array_equal(table["inlier_ratio"], [0.222222, np.nan, 1.0, 0.82])


def test_no_predictions_have_no_summary() -> None:
    table = sum_up([], pd.DataFrame({"id": [], "landmark_id": []}))
    assert table.empty and list(table.columns) == SUMMARY_COLUMNS


def test_foreign_evidence_is_refused() -> None:
    predictions = pd.DataFrame({"id": ["q1"], "landmark_id": [7]})
    with pytest.raises(ValueError, match="evidence on query 'q1' and landmark 8, which nobody predicts"):
        sum_up(FOUND.items(), predictions)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"e\.csv has the columns \[\], expected \['id'"),
        ("id,score\n", r"has the columns \['id', 'score'\]"),
        (HEADER + "q,7,i,1,x,0.5\n", r"e\.csv is damaged, line 2: .*delete verify\.json"),
        (HEADER + "q,7,i,1,1,0.5\nq,7,i,1\n", "is damaged, line 3"),
        (HEADER + "q,seven,i,1,1,0.5\n", "is damaged, line 2"),
        (HEADER + "q\n", "is damaged"),
    ],
)
def test_damage_is_said(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        list(read_rows(io.StringIO(text, newline=""), "e.csv"))
