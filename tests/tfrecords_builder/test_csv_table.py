import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfrecords_builder.csv_table import first_bad, line_of, parse_integers, read_columns, read_header, surely_distinct


@pytest.fixture
def file(tmp_path):
    def write(content: str | bytes):
        path = tmp_path / "table.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def test_columns_are_text_in_the_asked_order(file):
    path = file("id,url,landmark_id\nNA,http://x,1\nnan,,02\n")
    table = read_columns(path, ["landmark_id", "id"])
    assert table.columns.tolist() == ["landmark_id", "id"]
    assert table.to_numpy().tolist() == [["1", "NA"], ["02", "nan"]]


def test_byte_order_mark_quotes_and_windows_line_ends(file):
    path = file(b'\xef\xbb\xbf"id",landmark_id\r\n"a",1\r\n')
    assert read_header(path) == ["id", "landmark_id"]
    assert read_columns(path, ["id"])["id"].tolist() == ["a"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty: expected a header line"),
        ("id,landmark_id\n", r"has a header \(id,landmark_id\) and no rows"),
        ("ID,landmark_id\na,1\n", "has no column id; its header is ID,landmark_id"),
        ("id,id,landmark_id\na,b,1\n", "names a column twice"),
        ("id,landmark_id\na,1\nb,1,2\n", "not a well-formed CSV file: Expected 2 fields in line 3, saw 3"),
        ("id,landmark_id\na,1,x\nb,1,2\n", "its rows have more fields than its header"),
        ('id,landmark_id\n"a,1\nb,2\n', "not a well-formed CSV file: EOF inside string"),
        (b"id,landmark_id\n\xff\xfe,1\n", "is not UTF-8 text"),
        (b"\xff\xfei\x00d\x00", "is not UTF-8 text"),
    ],
)
def test_bad_tables_are_refused(file, content, message):
    path = file(content)
    with pytest.raises(ValueError, match=message) as error:
        read_columns(path, ["id", "landmark_id"])
    assert str(path) in str(error.value)


def test_a_missing_file_is_no_value_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="no CSV file at"):
        read_columns(tmp_path / "none.csv", ["id"])


def test_a_header_alone_may_be_allowed(file):
    assert read_columns(file("id\n"), ["id"], allow_empty=True).empty


def test_lines_count_as_in_an_editor():
    assert line_of(0) == 2


def test_first_bad():
    assert first_bad(np.array([True, True])) is None
    assert first_bad(pd.Series([True, False, False])) == 1


@pytest.mark.parametrize("value", ["", "-1", "1.5", "1e3", " 1", "٣", "9" * 19, "0x1"])
def test_what_is_no_whole_number(value):
    with pytest.raises(ValueError, match=r"t.csv, line 3: landmark_id .* is not a whole number"):
        parse_integers("t.csv", pd.Series(["1", value], name="landmark_id"))


def test_whole_numbers():
    numbers = parse_integers("t.csv", pd.Series(["0", "007", "9" * 18]))
    assert numbers.dtype == np.int64
    assert numbers.tolist() == [0, 7, 10**18 - 1]


@given(st.lists(st.text("ab", min_size=2, max_size=3)))
def test_distinct_values_are_never_repeated_ones(values):
    if surely_distinct(pd.Series(values, dtype=str)):
        assert len(set(values)) == len(values)


@pytest.mark.parametrize("length", [1, 7, 8, 16, 21])
def test_values_of_one_length_are_told_apart(length):
    values = pd.Series([f"{number * 7919:021d}"[-length:] for number in range(min(10**length, 3000))])
    assert surely_distinct(values)
    assert surely_distinct(values.iloc[3:9])
    assert not surely_distinct(pd.concat([values, values.iloc[-1:]]))


def test_values_of_several_lengths_are_not_told_apart():
    assert not surely_distinct(pd.Series(["a", "bb"]))
    assert not surely_distinct(pd.Series(["", ""]))


def test_other_columns_need_not_be_utf8(file):
    assert read_columns(file(b"id,title\na,caf\xe9\n"), ["id"])["id"].tolist() == ["a"]
