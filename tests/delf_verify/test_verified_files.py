from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from delf_verify import verified_files as files
from delf_verify.evidence import ImageEvidence, QueryEvidence
from tfrecords_builder.images import ImageRefused, Refusal

HOSTILE = 'a,"b"\n<script>'


def table() -> pd.DataFrame:
    rows = [
        ["q1", 7, 0.1 + 0.2, "confirmed", 41.0, 41 / 3, 0.82, 0.5, 0.97, 3, "i1", HOSTILE],
        ["q2", -1, np.nan, "unverified", np.nan, np.nan, np.nan, np.nan, np.nan, 0, "", "no prediction was made"],
    ]
    return pd.DataFrame(rows, columns=files.VERIFIED_COLUMNS)


def test_verified_comes_back_as_it_went(tmp_path: Path) -> None:
    files.write_verified(tmp_path, table())
    back = files.read_verified(tmp_path)
    pd.testing.assert_frame_equal(back, table().round({"mean_inliers": 6}), check_dtype=False)
    assert back["score"].iloc[0] == 0.1 + 0.2


def test_the_parquet_file_holds_the_same_table(tmp_path: Path) -> None:
    files.write_verified(tmp_path, table().round({"mean_inliers": 6}))
    files.write_parquet(tmp_path, table().round({"mean_inliers": 6}))
    plain = pd.read_parquet(tmp_path / "verified.parquet")
    pd.testing.assert_frame_equal(
        plain.astype({"max_inliers": np.float64}), files.read_verified(tmp_path), check_dtype=False
    )
    assert plain["max_inliers"].isna().tolist() == [False, True] and plain["landmark_id"].dtype == np.int64
    before = (tmp_path / "verified.parquet").read_bytes()
    files.write_parquet(tmp_path, files.read_verified(tmp_path))
    assert (tmp_path / "verified.parquet").read_bytes() == before


def test_an_empty_table_has_its_columns_in_parquet_too(tmp_path: Path) -> None:
    files.write_parquet(tmp_path, table().head(0))
    plain = pd.read_parquet(tmp_path / "verified.parquet")
    assert plain.empty and list(plain.columns) == files.VERIFIED_COLUMNS


def test_evidence_comes_back(tmp_path: Path) -> None:
    files.write_evidence(tmp_path, ["q1,7,i1,50,41,0.123456\nq1,7,NA,3,0,0.0\n", "q2,7,i1,3,0,0.0\n"])
    images = (ImageEvidence("i1", 50, 41, 0.123456), ImageEvidence("NA", 3, 0, 0.0))
    assert dict(files.stream_evidence(tmp_path))["q1", 7] == QueryEvidence.of(images)
    with pytest.raises(FileNotFoundError, match=r"evidence\.csv; tfland verify writes it"):
        list(files.stream_evidence(tmp_path / "none"))


def test_a_record_counts_only_when_it_is_whole(tmp_path: Path) -> None:
    assert files.read_evidence_fingerprint(tmp_path) == ""
    files.write_unfinished(tmp_path, "abc")
    assert files.read_evidence_fingerprint(tmp_path) == "", "there is no evidence.csv"
    files.write_evidence(tmp_path, [])
    assert files.read_evidence_fingerprint(tmp_path) == "abc"
    with pytest.raises(FileNotFoundError, match="holds no finished verification"):
        files.read_record(tmp_path)
    files.write_record(tmp_path, {"evidence": "abc"})
    assert files.read_record(tmp_path) == {"evidence": "abc"}
    files.forget_record(tmp_path)
    assert files.read_evidence_fingerprint(tmp_path) == ""


def test_refusals_come_back(tmp_path: Path) -> None:
    files.write_refused(tmp_path, {"query": {"q9": ImageRefused(Refusal.EMPTY, HOSTILE)}, "index": {}})
    assert files.read_refused(tmp_path).to_dict("records") == [
        {"id": "q9", "reason": "empty", "detail": HOSTILE, "role": "query"}
    ]


def test_what_is_missing_or_damaged_is_said(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="holds no finished verification"):
        files.read_record(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"verified\.csv; tfland verify writes it"):
        files.read_verified(tmp_path)
    (tmp_path / "verified.csv").write_text("id,score\n")
    with pytest.raises(ValueError, match=r"has the columns \['id', 'score'\], expected"):
        files.read_verified(tmp_path)
    (tmp_path / "verified.csv").write_text(",".join(files.VERIFIED_COLUMNS) + "\nq,x,,,,,,,,,,\n")
    with pytest.raises(ValueError, match="is damaged"):
        files.read_verified(tmp_path)
    for text, message in (("{", "is not JSON"), ("[]", "must hold a JSON object")):
        (tmp_path / "verify.json").write_text(text)
        with pytest.raises(ValueError, match=message):
            files.read_record(tmp_path)


def test_places_survive_a_move(tmp_path: Path) -> None:
    assert files.place_of(tmp_path / "out" / "features", tmp_path / "out") == "features"
    assert files.place_of(tmp_path / "shared", tmp_path / "out") == str((tmp_path / "shared").resolve())
