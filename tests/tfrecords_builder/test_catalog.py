import math

import pandas as pd
import pytest

from tfrecords_builder import catalog
from tfrecords_builder.catalog import (
    read_candidates,
    read_photographs,
    read_solution,
    read_submission,
    write_photographs,
)


@pytest.fixture
def file(tmp_path):
    def write(content: str):
        path = tmp_path / "table.csv"
        path.write_text(content)
        return path

    return write


def rows(table: pd.DataFrame) -> list[list[object]]:
    return table.to_numpy().tolist()


@pytest.mark.parametrize(
    "content",
    [
        "id,landmark_id\nb,7\na,7\nc,1\n",
        'id,url,landmark_id\nb,http://x/1.jpg,7\na,,7\nc,"http://x,y",1\n',
        "landmark_id,id\n7,b\n7,a\n1,c\n",
        "landmark_id,images\n7,b a\n1,c\n",
    ],
    ids=["kaggle", "gldv2", "other order", "clean"],
)
def test_every_form_gives_the_same_table(file, content):
    table = read_photographs(file(content))
    assert rows(table) == [["b", 7], ["a", 7], ["c", 1]]
    assert table["landmark_id"].dtype == "int64"


@pytest.mark.parametrize("content", ["id\nb\na\n", "id,url\nb,http://x\na,\n"])
def test_queries_have_no_landmark(file, content):
    assert rows(read_photographs(file(content))) == [["b", -1], ["a", -1]]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("id,landmark\na,1\n", "its header is id,landmark; expected id,landmark_id or"),
        ("id,landmarks,Usage\na,1,Public\n", "its header is id,landmarks,Usage"),
        ("url,landmark_id\nx,1\n", "has no column id"),
        ("id,landmark_id\na,1\n../../etc/passwd,2\n", r"line 3: id '../../etc/passwd' cannot be a file name"),
        ("id,landmark_id\n,1\n", "line 2: id '' cannot be a file name"),
        ("id,landmark_id\na,1\nb,1\na,2\n", "line 4: id 'a' is already on line 2; an id may occur once"),
        ("id,landmark_id\na,1\nb,x\n", "line 3: landmark_id 'x' is not a whole number"),
        ("id,landmark_id\na,1\nb\n", "line 3: landmark_id '' is not a whole number"),
        ("id,landmark_id\na,-1\n", "line 2: landmark_id '-1' is not a whole number"),
        ("landmark_id,images\n7,b a\n1,a\n", "line 3: id 'a' is already on line 2"),
        ("landmark_id,images\n7,b\n7,a\n", "line 3: landmark_id 7 occurs twice"),
        ("landmark_id,images\n7,b\n8,\n", "line 3: landmark 8 has no images"),
        ("landmark_id,images\n7,b ../x\n", "line 2: id '../x' cannot be a file name"),
    ],
)
def test_bad_catalogues_are_refused(file, content, message):
    with pytest.raises(ValueError, match=message):
        read_photographs(file(content))


def test_an_unknown_landmark_is_refused_when_the_labels_are_given(file):
    path = file("id,landmark_id\na,1\nb,5\nc,6\n")
    assert len(read_photographs(path, known_landmarks=[1, 5, 6, 7])) == 3
    with pytest.raises(ValueError, match=r"line 3: landmark 5 is not among the 1 known landmarks \(2 such"):
        read_photographs(path, known_landmarks=[1])


def test_queries_need_no_known_landmark(file):
    assert len(read_photographs(file("id\na\n"), known_landmarks=[1])) == 1


def test_solution(file):
    table = read_solution(file("id,landmarks,Usage\na,7 12,Public\nb,,Private\nc,3,Ignored\n"))
    assert table.columns.tolist() == ["id", "landmarks", "usage"]
    assert rows(table) == [["a", (7, 12), "Public"], ["b", (), "Private"], ["c", (3,), "Ignored"]]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("id,landmarks\na,1\n", "has no column Usage"),
        ("id,landmarks,Usage\na,1,public\n", "line 2: Usage 'public' is none of Public, Private, Ignored"),
        ("id,landmarks,Usage\na,1 x,Public\n", "line 2: landmarks '1 x' are not whole numbers"),
        ("id,landmarks,Usage\na,1,Public\na,2,Public\n", "line 3: id 'a' is already on line 2"),
    ],
)
def test_bad_solutions_are_refused(file, content, message):
    with pytest.raises(ValueError, match=message):
        read_solution(file(content))


def test_submission(file):
    table = read_submission(file("id,landmarks\nb,7 0.5\na,\nc,12 1e-3\nd, 3  -2 \n"))
    assert table["id"].tolist() == ["b", "a", "c", "d"]
    assert table["landmark_id"].tolist() == [7, -1, 12, 3]
    assert table["score"].tolist()[0] == 0.5
    assert math.isnan(table["score"].iloc[1])
    assert table["score"].tolist()[2:] == [0.001, -2.0]


def test_a_submission_may_predict_nothing(file):
    assert read_submission(file("id,landmarks\na,\n"))["landmark_id"].tolist() == [-1]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("id,landmark\na,1 0.5\n", "has no column landmarks"),
        ("id,landmarks\na,1 0.5\na,2 0.5\n", "line 3: id 'a' is already on line 2"),
        ("id,landmarks\na,1 0.5 2\n", "line 2: landmarks '1 0.5 2' has 3 tokens; expected"),
        ("id,landmarks\na,\nb,1\n", "line 3: landmarks '1' has 1 tokens"),
        ("id,landmarks\na,\nb,1 nan\n", "line 3: score 'nan' is not a finite number"),
        ("id,landmarks\na,1 inf\n", "line 2: score 'inf' is not a finite number"),
        ("id,landmarks\na,1 1e999\n", "line 2: score '1e999' is not a finite number"),
        ("id,landmarks\na,1 1_0\n", "line 2: score '1_0' is not a finite number"),
        ("id,landmarks\na,\nb,\nc,x 0.5\n", "line 4: landmark_id 'x' is not a whole number"),
        ("id,landmarks\n../a,1 0.5\n", "line 2: id '../a' cannot be a file name"),
    ],
)
def test_bad_submissions_are_refused(file, content, message):
    with pytest.raises(ValueError, match=message):
        read_submission(file(content))


def test_candidates(file):
    table = read_candidates(file("id,landmark_id,score\na,7,0.5\na,8,0.25\nb,7,1\n"))
    assert rows(table) == [["a", 7, 0.5], ["a", 8, 0.25], ["b", 7, 1.0]]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("id,landmark_id\na,7\n", "has no column score"),
        ("id,landmark_id,score\na,7,0.5\na,7,0.4\n", "line 3: id 'a' has landmark 7 twice"),
        ("id,landmark_id,score\na,7,NaN\n", "line 2: score 'NaN' is not a finite number"),
        ("id,landmark_id,score\na,,1\n", "line 2: landmark_id '' is not a whole number"),
        ("id,landmark_id,score\na/b,1,1\n", "line 2: id 'a/b' cannot be a file name"),
    ],
)
def test_bad_candidates_are_refused(file, content, message):
    with pytest.raises(ValueError, match=message):
        read_candidates(file(content))


@pytest.mark.parametrize("content", ["id,landmark_id\nb,7\na,1\n", "id\nb\na\n"])
def test_written_photographs_are_the_file_that_was_read(file, tmp_path, content):
    write_photographs(tmp_path / "copy.csv", read_photographs(file(content)))
    assert (tmp_path / "copy.csv").read_text() == content


def test_validate_id_is_offered_here_too():
    with pytest.raises(ValueError, match="cannot be a file name"):
        catalog.validate_id("../x")


@pytest.mark.real_data
def test_real_tables(real_data):
    assert len(read_photographs(real_data / "landmarks15/train.csv")) == 555
    assert len(read_photographs(real_data / "landmarks15/test.csv")) == 366
    solution = read_solution(real_data / "landmarks15/solution.csv")
    assert sum(bool(landmarks) for landmarks in solution["landmarks"]) == 230
    assert len(read_submission(real_data / "gldv2/sample_submission_2020.csv")) == 10_345
