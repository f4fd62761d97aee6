from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from delf_verify.config import default_config
from delf_verify.extract import load_extractor
from delf_verify.pairs import match_photographs, read_labelled_pairs, score_pairs
from tfrecords_builder.terminal import CheckFailed

PAIRS = [("queries/query10x0.jpg", "index/index10x0.jpg"), ("queries/query10x0.jpg", "index/index20x0.jpg")]


def test_one_pair(verify_world: SimpleNamespace) -> None:
    pair = match_photographs(
        verify_world.root / PAIRS[0][0], verify_world.root / PAIRS[0][1], load_extractor("sift"), default_config("sift")
    )
    assert pair.match.geometry.num_inliers > 60
    first, second = pair.matched_yx()
    assert first.shape == second.shape == (len(pair.match.putative), 2)


def test_an_unreadable_photograph_is_named(tmp_path: Path) -> None:
    (tmp_path / "bad.jpg").write_bytes(b"x")
    with pytest.raises(CheckFailed, match=r"bad\.jpg cannot be read as a photograph: not_an_image"):
        match_photographs(tmp_path / "bad.jpg", tmp_path / "bad.jpg", load_extractor("sift"), default_config("sift"))


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_many_pairs(verify_world: SimpleNamespace, tmp_path: Path, workers: int) -> None:
    pairs = [*PAIRS, ("queries/query10x0.jpg", "index/none.jpg")]
    table, refused = score_pairs(
        pairs,
        root=verify_world.root,
        features="sift",
        feature_folder=tmp_path / "features",
        config=default_config("sift"),
        workers=workers,
    )
    assert list(table["b"]) == ["index/index10x0.jpg", "index/index20x0.jpg"]
    assert table["inliers"][0] > 60 > table["inliers"][1]
    assert list(refused) == ["index/none.jpg"]


def test_links_that_lead_out_are_refused(verify_world: SimpleNamespace, tmp_path: Path) -> None:
    (tmp_path / "out.jpg").symlink_to(verify_world.index / "index10x0.jpg")
    table, refused = score_pairs(
        [("out.jpg", "out.jpg")],
        root=tmp_path,
        features="sift",
        feature_folder=tmp_path / "features",
        config=default_config("sift"),
    )
    assert table.empty and "outside" in str(refused["out.jpg"])


def test_labels(tmp_path: Path) -> None:
    path = tmp_path / "pairs.csv"
    path.write_text("a,b,same,scene\nx.jpg,y/NA.jpg,1,s\nx.jpg,z.jpg,0,t\n")
    table = read_labelled_pairs(path)
    pd.testing.assert_frame_equal(
        table, pd.DataFrame({"a": ["x.jpg"] * 2, "b": ["y/NA.jpg", "z.jpg"], "same": [True, False]}), check_dtype=False
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\nx,y\n", r"lacks the columns \['same'\]"),
        ("a,b,same\nx,/etc/passwd,1\n", "line 2: '/etc/passwd' must be a path within"),
        ("a,b,same\nx,y,1\n../x,y,1\n", r"line 3: '\.\./x' must be a path within"),
        ("a,b,same\nx,y,yes\n", "line 2: same is 'yes', expected 1 or 0"),
        ("", "is no CSV file"),
    ],
)
def test_bad_labels(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "pairs.csv").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_labelled_pairs(tmp_path / "pairs.csv")
    with pytest.raises(FileNotFoundError, match="no CSV file"):
        read_labelled_pairs(tmp_path / "none.csv")
