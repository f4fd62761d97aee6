from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from delf_verify.pair_files import find_root, read_labelled_pairs, read_pairs, write_refused, write_scores
from tfrecords_builder.images import ImageRefused, Refusal


def written(folder: Path, content: str | bytes) -> Path:
    path = folder / "pairs.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_pairs_keep_their_order_repeats_and_odd_names(tmp_path: Path) -> None:
    path = written(
        tmp_path, '\ufeffscene,b,a\ns,"y, z.jpg",x.jpg\r\nt,x.jpg,x.jpg\n\ns,"y, z.jpg",x.jpg\nu,NA,é/null\n'
    )
    assert read_pairs(path, within=True) == [
        ("x.jpg", "y, z.jpg"),
        ("x.jpg", "x.jpg"),
        ("x.jpg", "y, z.jpg"),
        ("é/null", "NA"),
    ]
    assert read_pairs(written(tmp_path, "a,b\n"), within=True) == []


def test_labels(tmp_path: Path) -> None:
    table = read_labelled_pairs(written(tmp_path, "a,b,same,scene\nx.jpg,y/NA.jpg,1,s\nx.jpg,z.jpg,0,t\n"), within=True)
    pd.testing.assert_frame_equal(
        table, pd.DataFrame({"a": ["x.jpg"] * 2, "b": ["y/NA.jpg", "z.jpg"], "same": [True, False]}), check_dtype=False
    )
    assert table["same"].dtype == bool
    assert read_labelled_pairs(written(tmp_path, "a,b,same\n"), within=True)["same"].dtype == bool


@pytest.mark.parametrize("read", [read_pairs, read_labelled_pairs])
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x,b,same\n", r"lacks the columns \['a'\]"),
        ("a,b,a,same\nx,y,z,1\n", r"has the columns \['a'\] more than once"),
        ("a,b,same\nx,/etc/passwd,1\n", "line 2: '/etc/passwd' must be a path within"),
        ("a,b,same\nx,y,1\n../x,y,1\n", r"line 3: '\.\./x' must be a path within"),
        ("a,b,same\nx/../../y,y,1\n", "line 2: .* must be a path within"),
        ("a,b,same\n.,y,1\n", "line 2: '.' must be the path of a photograph"),
        ("a,b,same\nx\0,y,1\n", "line 2: .* must be the path of a photograph"),
        ("a,b,same\n,y,1\n", "line 2: '' must be the path of a photograph"),
        ("a,b,same\nx,y\n", "line 2: 2 cells under 3 columns"),
        ("a,b,same\nx,y,1,z\n", "line 2: 4 cells under 3 columns"),
        ('a,b,same\nx,"y,1\n', "is no CSV file"),
        (b"a,b,same\n\xff,y,1\n", "is no CSV file"),
        ("", "is no CSV file"),
    ],
)
def test_bad_pairs(tmp_path: Path, text: str | bytes, message: str, read: Callable[..., object]) -> None:
    with pytest.raises(ValueError, match=message):
        read(written(tmp_path, text), within=True)


def test_a_list_of_ones_own_files_may_name_them_as_one_pleases(tmp_path: Path) -> None:
    assert read_pairs(written(tmp_path, "a,b\n/x.jpg,../y.jpg\n"), within=False) == [("/x.jpg", "../y.jpg")]
    with pytest.raises(ValueError, match="line 2: '' must be the path of a photograph"):
        read_pairs(written(tmp_path, "a,b\nx,\n"), within=False)


def test_relative_paths_start_beside_the_list_or_where_one_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    beside, work = tmp_path / "beside", tmp_path / "work"
    for folder in (beside, work):
        folder.mkdir()
        (folder / "both.jpg").write_text("")
    (work / "work.jpg").write_text("")
    monkeypatch.chdir(work)
    path = beside / "pairs.csv"
    assert find_root(path, [("both.jpg", "work.jpg")]) == beside
    assert find_root(path, [("/abs.jpg", "work.jpg")]) == work
    assert find_root(path, [("nowhere.jpg", "work.jpg")]) == beside
    assert find_root(path, [("/abs.jpg", "/abs.jpg")]) == beside
    assert find_root(path, []) == beside


def test_bad_labels_and_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="line 2: same is 'yes', expected 1 or 0"):
        read_labelled_pairs(written(tmp_path, "a,b,same\nx,y,yes\n"), within=True)
    with pytest.raises(FileNotFoundError, match="no CSV file"):
        read_pairs(tmp_path / "none.csv", within=True)


def test_scores_have_a_row_a_pair(tmp_path: Path) -> None:
    pairs = [("b,c", "a"), ("x", "y"), ("b,c", "a"), ("a", "a")]
    scores = {("b,c", "a"): (12, 3, 0.12345678), ("a", "a"): (7, 7, float("nan"))}
    write_scores(tmp_path / "scores.csv", pairs, scores)
    assert (tmp_path / "scores.csv").read_text() == (
        'a,b,matches,inliers,probability\n"b,c",a,12,3,0.123457\nx,y,,,\n"b,c",a,12,3,0.123457\na,a,7,7,\n'
    )


def test_refused_photographs_are_sorted(tmp_path: Path) -> None:
    refused = {"y": ImageRefused(Refusal.EMPTY, "0 bytes"), "x": ImageRefused(Refusal.MISSING, "x is no file")}
    write_refused(tmp_path / "refused.csv", refused)
    assert (tmp_path / "refused.csv").read_text() == "id,reason,detail\nx,missing,x is no file\ny,empty,0 bytes\n"
