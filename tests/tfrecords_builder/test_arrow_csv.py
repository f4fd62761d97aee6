import tempfile
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfrecords_builder import csv_table
from tfrecords_builder.arrow_csv import read_well_formed

_PIECES = st.sampled_from(
    ["a", "1", ",", '"', "\n", "\r\n", "\r", "\0", " ", "é", "\ufeff", "x,y\n", '"q",z\n', '"a,""b""",c\n', "x,y,z\n"]
)


def read_by_pandas(path: Path, columns: list[str]) -> pd.DataFrame:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_table, "read_well_formed", lambda *_: None)
        return csv_table.read_columns(path, columns, allow_empty=True)


@settings(deadline=None, max_examples=400)
@given(
    st.sampled_from([["id"], ["id", "landmark_id"], ["id", "url", "landmark_id"]]),
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
    st.lists(_PIECES, max_size=14),
)
def test_what_it_reads_pandas_reads_alike(header, line_end, has_mark, pieces):
    content = "\ufeff" * has_mark + ",".join(header) + line_end + "".join(pieces)
    columns = [header[0], header[-1]] if len(header) > 1 else header
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.csv"
        path.write_bytes(content.encode())
        found = read_well_formed(path, header, columns)
        if found is not None:
            pd.testing.assert_frame_equal(found, read_by_pandas(path, columns))


@pytest.mark.parametrize(
    "rows",
    ["a,u,1\nb,,2\n", "a,u,1\r\nb,,2", 'a,"u, ""v"",\nw",1\nb,"",2\n', "a,u,1\nb,,2\n".replace("\n", "\r")],
)
def test_well_formed_files(tmp_path, rows):
    path = tmp_path / "table.csv"
    path.write_bytes(f"id,url,landmark_id\n{rows}".encode())
    table = read_well_formed(path, ["id", "url", "landmark_id"], ["landmark_id", "id"])
    assert table is not None
    assert table.columns.tolist() == ["landmark_id", "id"]
    assert table.to_numpy().tolist() == [["1", "a"], ["2", "b"]]


@pytest.mark.parametrize(
    "rows",
    ['a,"u', 'a,"u\n', 'a,"u\nb,v\nc,w\n', 'a"b,u\nb,"v\nc,w\n', "a\n", "a,u,x\n", b"\xff,u\n"],
)
def test_what_is_not_well_formed_is_left_to_pandas(tmp_path, rows):
    path = tmp_path / "table.csv"
    path.write_bytes(b"id,url\n" + (rows if isinstance(rows, bytes) else rows.encode()))
    assert read_well_formed(path, ["id", "url"], ["id"]) is None


@pytest.mark.parametrize("header", ["id", "id\n", "id\r\n", "\ufeffid\n"])
def test_a_header_alone_has_no_rows(tmp_path, header):
    path = tmp_path / "table.csv"
    path.write_bytes(header.encode())
    assert csv_table.read_columns(path, ["id"], allow_empty=True)["id"].tolist() == []


def test_rows_that_cross_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr("tfrecords_builder.arrow_csv._BLOCK_BYTES", 64)
    path = tmp_path / "table.csv"
    ids = [f"id{number:05d}" for number in range(500)]
    path.write_text("id,url\n" + "".join(f'{image_id},"u\n,{image_id}"\n' for image_id in ids))
    table = read_well_formed(path, ["id", "url"], ["id"])
    assert table is not None
    assert table["id"].tolist() == ids


def test_a_value_larger_than_a_block_is_left_to_pandas(tmp_path, monkeypatch):
    monkeypatch.setattr("tfrecords_builder.arrow_csv._BLOCK_BYTES", 64)
    path = tmp_path / "table.csv"
    path.write_text(f"id\n{'a' * 1000}\n")
    assert csv_table.read_columns(path, ["id"])["id"].tolist() == ["a" * 1000]
