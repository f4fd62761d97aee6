from pathlib import Path

import pytest

from delf_verify.comparison_job import MakeCompareWork, Parts, compare, forget_parts
from delf_verify.comparison_plan import Comparison
from delf_verify.config import default_config
from delf_verify.feature_store import FeatureStore
from delf_verify.features import LocalFeatures


@pytest.fixture
def make_work(make_features, tmp_path: Path) -> MakeCompareWork:
    """Queries q0 … q3 and index images i0 … i3: i0 shows what q0 does, and q0 is in the index as well."""
    folders = tmp_path / "queries", tmp_path / "index"
    images = [make_features(40, 8, seed) for seed in range(8)]
    moved = LocalFeatures(images[0].locations_yx * 1.1, images[0].descriptors, images[0].scores, images[0].scales)
    with FeatureStore(folders[0], "f") as queries, FeatureStore(folders[1], "f") as index:
        for number in range(4):
            queries.add(f"q{number}", images[number])
            index.add(f"i{number}", moved if number == 0 else images[4 + number])
        index.add("q0", images[0])
    return MakeCompareWork(*folders, "f", default_config("sift"))


def test_a_query_is_left_out_of_its_own_index(make_work: MakeCompareWork) -> None:
    found = dict(make_work()(Comparison(1, ("q0", "q1"), ("i0", "i1", "q0"))))
    assert [image.image_id for image in found["q0"].images] == ["i0", "i1"]
    assert [image.image_id for image in found["q1"].images] == ["i0", "i1", "q0"]
    assert found["q0"].best_image_id == "i0" and found["q0"].max_inliers >= 35


def test_an_index_is_loaded_once_for_consecutive_queries(make_work: MakeCompareWork) -> None:
    work = make_work()
    index = work.index_of("q1", ("i0", "i1"))
    assert work.index_of("q2", ("i0", "i1")) is index
    assert work.index_of("q2", ("i1", "i0")) is not index


def test_parts_are_finished_once_and_in_order(make_work: MakeCompareWork, tmp_path: Path) -> None:
    plan = [Comparison(n, (f"q{n}",), ("i0", "i1")) for n in range(4)]
    whole = Parts(tmp_path / "whole", "f" * 64, plan)
    compare(whole, make_work, workers=1)
    assert whole.waiting() == []
    rows = "".join(whole.texts()).splitlines()
    assert [row.split(",")[:3] for row in rows] == [[f"q{n}", str(n), f"i{i}"] for n in range(4) for i in range(2)]


def test_other_pieces_give_the_same_rows(
    make_work: MakeCompareWork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = [Comparison(n, (f"q{n}",), ("i0", "i1")) for n in range(4)]
    whole = Parts(tmp_path / "whole", "f" * 64, plan)
    compare(whole, make_work, workers=1)
    monkeypatch.setattr("delf_verify.comparison_plan._PAIRS_PER_PART", 3)
    pieces = Parts(tmp_path / "pieces", "f" * 64, plan)
    assert (len(whole.pieces), len(pieces.pieces)) == (1, 4)
    work = make_work()
    for number in (2, 0):
        pieces.write(number, [work(comparison) for comparison in pieces.pieces[number]])
    assert pieces.waiting() == [1, 3]
    compare(pieces, make_work, workers=1)
    assert "".join(pieces.texts()) == "".join(whole.texts())


def test_parts_of_other_work_are_forgotten(tmp_path: Path) -> None:
    mine, other = (Parts(tmp_path, letter * 64, []).folder for letter in "ab")
    for folder in (mine, other):
        folder.mkdir()
    forget_parts(tmp_path, but=mine)
    assert mine.is_dir() and not other.exists()
    forget_parts(tmp_path)
    assert not mine.exists()


def test_an_unfinished_part_is_no_silent_gap(make_work: MakeCompareWork, tmp_path: Path) -> None:
    parts = Parts(tmp_path / "out", "f" * 64, [Comparison(1, ("q0",), ("i0",))])
    with pytest.raises(FileNotFoundError):
        list(parts.texts())
    assert parts.waiting() == [0]
