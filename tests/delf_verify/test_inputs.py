from pathlib import Path

import pytest

from delf_verify.inputs import read_predictions


def test_both_forms(tmp_path: Path) -> None:
    (tmp_path / "submission.csv").write_text("id,landmarks\na,7 0.5\nb,\n")
    (tmp_path / "candidates.csv").write_text("id,landmark_id,score\na,7,0.5\na,8,0.25\n")
    assert list(read_predictions(tmp_path / "submission.csv")["landmark_id"]) == [7, -1]
    assert list(read_predictions(tmp_path / "candidates.csv")["score"]) == [0.5, 0.25]


def test_neither_form(tmp_path: Path) -> None:
    (tmp_path / "other.csv").write_text("id,label\na,7\n")
    with pytest.raises(ValueError, match="landmark_id"):
        read_predictions(tmp_path / "other.csv")
    with pytest.raises(FileNotFoundError, match="no predictions at"):
        read_predictions(tmp_path / "none.csv")


@pytest.mark.parametrize("row", ["a,7 0.5\na,8 0.5", "a,7 0.5 9", "a,7 nan", "../../etc/passwd,7 0.5"])
def test_bad_rows(tmp_path: Path, row: str) -> None:
    (tmp_path / "submission.csv").write_text(f"id,landmarks\n{row}\n")
    with pytest.raises(ValueError, match=r"submission\.csv, line "):
        read_predictions(tmp_path / "submission.csv")
