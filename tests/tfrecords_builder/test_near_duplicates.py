from dataclasses import replace

import cv2
import numpy as np
import pandas as pd
import pytest

from tfrecords_builder.near_duplicates import DuplicatesConfig, find_duplicates
from tfrecords_builder.split_files import divide
from tfrecords_builder.splits import parse_plan


@pytest.fixture
def case(tmp_path, scene, encode, store) -> tuple[pd.DataFrame, DuplicatesConfig]:
    """12 photographs, a3 and b3 being smaller copies of a0 in its class and another, and c9 that is none."""
    rows = []
    for number in range(10):
        rows.append((f"aaa{number}", 1 + number % 2))
        store(tmp_path / "images", rows[-1][0], encode(scene(240, 320, number)))
    small = cv2.resize(scene(240, 320, 0), (160, 120), interpolation=cv2.INTER_AREA)
    for image_id, landmark, quality in (("bbb0", 1, 60), ("ccc0", 2, 80)):
        rows.append((image_id, landmark))
        store(tmp_path / "images", image_id, encode(small, quality=quality))
    store(tmp_path / "images", "ddd0", b"no photograph")
    rows.append(("ddd0", 1))
    table = pd.DataFrame(rows, columns=["id", "landmark_id"])
    return table, DuplicatesConfig(images=tmp_path / "images", out=tmp_path / "out")


def test_copies_are_found_within_and_across_classes(case):
    table, config = case
    found = find_duplicates(table, config)
    assert found.groups.to_numpy().tolist() == [["aaa0", "aaa0"], ["bbb0", "aaa0"], ["ccc0", "aaa0"]]
    assert (found.count, found.largest) == (1, 3)
    assert [(image.id, image.reason) for image in found.refused] == [("ddd0", "not_an_image")]
    assert (config.out / "duplicates.csv").read_text() == "id,group\naaa0,aaa0\nbbb0,aaa0\nccc0,aaa0\n"
    assert "ddd0,not_an_image" in (config.out / "refused.csv").read_text()


def test_they_stay_on_one_side(case):
    table, config = case
    find_duplicates(table, config)
    for seed in range(5):
        parts = divide(table, parse_plan(["test=0.4"]), seed, duplicates=config.out / "duplicates.csv")
        assert sum(bool({"aaa0", "bbb0", "ccc0"} & set(rows["id"])) for rows in parts.values()) == 1


def test_a_second_run_reads_no_photograph(case, caplog):
    table, config = case
    first = find_duplicates(table, config)
    for path in config.images.rglob("*.jpg"):
        path.unlink()
    with caplog.at_level("INFO"):
        again = find_duplicates(table.iloc[::-1], config)
    assert again.groups.equals(first.groups)
    assert again.refused == first.refused
    assert "1 of 1 pieces were done before" in caplog.text


def test_two_workers_give_the_same_files(case, contents):
    table, config = case
    find_duplicates(table, config)
    find_duplicates(table, replace(config, out=config.out.with_name("other"), workers=2))
    assert contents(config.out) == contents(config.out.with_name("other"))


def test_nothing_alike(case):
    table, config = case
    assert find_duplicates(table.iloc[1:10], config).groups.empty
    assert (config.out / "duplicates.csv").read_text() == "id,group\n"


def test_the_folder_must_exist(case):
    table, config = case
    with pytest.raises(NotADirectoryError, match="no folder of photographs at"):
        find_duplicates(table, replace(config, images=config.images / "nowhere"))


@pytest.mark.parametrize(
    ("change", "message"), [({"max_distance": 11}, "max_distance=11"), ({"workers": 0}, "workers=0")]
)
def test_settings_are_checked(case, change, message):
    with pytest.raises(ValueError, match=message):
        replace(case[1], **change)


@pytest.mark.real_data
def test_copies_among_real_photographs(real_data, tmp_path, store, encode):
    root = real_data / "landmarks15/train"
    paths = sorted(root.rglob("*.jpg"))[:60]
    for number, path in enumerate(paths):
        store(tmp_path / "images", path.stem, path.read_bytes())
        image = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
        if number % 6 == 0:
            copy = cv2.resize(image, None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA)
            store(tmp_path / "images", f"copy-{path.stem}", encode(np.ascontiguousarray(copy), quality=50))
    ids = [path.stem for path in (tmp_path / "images").rglob("*.jpg")]
    config = DuplicatesConfig(images=tmp_path / "images", out=tmp_path / "out")
    groups = find_duplicates(pd.DataFrame({"id": ids}), config).groups
    expected = {frozenset((path.stem, f"copy-{path.stem}")) for path in paths[::6]}
    assert {frozenset(rows["id"]) for _, rows in groups.groupby("group")} == expected
