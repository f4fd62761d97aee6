from pathlib import Path
from types import SimpleNamespace

import pytest

from delf_verify.config import default_config
from delf_verify.extract import load_extractor
from delf_verify.pairs import match_photographs, score_pairs
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
        within=True,
        features="sift",
        feature_folder=tmp_path / "features",
        config=default_config("sift"),
        workers=workers,
    )
    assert list(table["b"]) == ["index/index10x0.jpg", "index/index20x0.jpg"]
    assert list(table.columns) == ["a", "b", "matches", "inliers", "inlier_ratio", "spread"]
    assert table["inliers"][0] > 60 > table["inliers"][1]
    assert table["inlier_ratio"].tolist() == (table["inliers"] / table["matches"]).tolist()
    assert 0.3 < table["spread"][0] <= 1 and 0 <= table["spread"][1] <= 1
    assert list(refused) == ["index/none.jpg"]


def test_links_that_lead_out_are_refused(verify_world: SimpleNamespace, tmp_path: Path) -> None:
    (tmp_path / "out.jpg").symlink_to(verify_world.index / "index10x0.jpg")
    table, refused = score_pairs(
        [("out.jpg", "out.jpg")],
        root=tmp_path,
        within=True,
        features="sift",
        feature_folder=tmp_path / "features",
        config=default_config("sift"),
    )
    assert table.empty and "outside" in str(refused["out.jpg"])


def test_a_loop_of_links_is_refused(tmp_path: Path) -> None:
    (tmp_path / "loop.jpg").symlink_to("loop.jpg")
    table, refused = score_pairs(
        [("loop.jpg", "loop.jpg")],
        root=tmp_path,
        within=True,
        features="sift",
        feature_folder=tmp_path / "features",
        config=default_config("sift"),
    )
    assert table.empty and list(refused) == ["loop.jpg"]
