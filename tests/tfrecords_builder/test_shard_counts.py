import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from tfrecords_builder import build_plan
from tfrecords_builder.build_plan import plan_build
from tfrecords_builder.check import check_shards
from tfrecords_builder.config import BuildConfig
from tfrecords_builder.manifest import read_manifest
from tfrecords_builder.repair import repair_shards
from tfrecords_builder.shard_counts import Measured, counts_for_bytes, counts_for_records, measure, recorded_counts
from tfrecords_builder.shards import build_shards
from tfrecords_builder.splits import parse_plan

MANY = 1200


@pytest.fixture
def config(catalogue, tmp_path) -> BuildConfig:
    """24 photographs, 18 of them train's, and 5 a shard."""
    return BuildConfig(
        csv=catalogue[0],
        images=catalogue[1],
        out=tmp_path / "out",
        num_shards=0,
        shard_records=5,
        splits=parse_plan(["validation=0.25"]),
    )


@pytest.fixture
def copied(config, tmp_path) -> BuildConfig:
    """Of about 5 kB a shard, from photographs that a test may change."""
    shutil.copytree(config.images, tmp_path / "images")
    return replace(config, images=tmp_path / "images", shard_records=0, shard_bytes=5000)


@pytest.fixture(scope="module")
def photographs(tmp_path_factory, write_csv) -> tuple[Path, Path]:
    """Very different in detail: JPEGs of 1 to 9 kB."""
    folder = tmp_path_factory.mktemp("many")
    (folder / "images").mkdir()
    rng, rows = np.random.default_rng(0), []
    for number in range(MANY):
        detail = int(rng.integers(3, 40))
        coarse = rng.integers(0, 256, (detail, detail, 3), dtype=np.uint8)
        picture = cv2.resize(coarse, (64, 48), interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(str(folder / "images" / f"photo{number:04d}.jpg"), picture)
        rows.append((f"photo{number:04d}", number % 7))
    return write_csv(folder / "train.csv", ("id", "landmark_id"), rows), folder / "images"


def test_counts_are_the_least_that_keep_to_the_target():
    sizes = {"train": 100, "validation": 11, "test": 10, "empty": 0}
    assert counts_for_records(sizes, 10) == {"train": 10, "validation": 2, "test": 1, "empty": 1}
    measured = Measured(photographs=10, records=8, size_bytes=800)  # 80 bytes for each photograph of the catalogue
    assert counts_for_bytes(sizes, measured, 400) == {"train": 20, "validation": 3, "test": 2, "empty": 1}


def test_targets_that_cannot_be():
    some = Measured(photographs=10, records=8, size_bytes=800)
    with pytest.raises(ValueError, match="shard_bytes=99 is less than one record, which takes 100 bytes: choose more"):
        counts_for_bytes({"train": 5}, some, 99)
    with pytest.raises(ValueError, match="shard_records=1 asks for 100000 shards of train: choose more, for at most"):
        counts_for_records({"train": 100_000}, 1)
    with pytest.raises(ValueError, match="shard_bytes=100 asks for 800000 shards of train"):
        counts_for_bytes({"train": 1_000_000}, some, 100)
    with pytest.raises(OSError, match="none of 3 photographs drawn by lot can be used"):
        counts_for_bytes({"train": 5}, Measured(photographs=3, records=0, size_bytes=0), 99)


@pytest.mark.parametrize(
    ("identity", "expected"),
    [
        ({"shard_counts": {"test": 2, "train": 7}}, {"train": 7, "test": 2}),
        (None, None),
        ({}, None),
        ({"shard_counts": [7, 2]}, None),
        ({"shard_counts": {"train": 7}}, None),
        ({"shard_counts": {"train": 7, "test": 0}}, None),
        ({"shard_counts": {"train": 7, "test": True}}, None),
        ({"shard_counts": {"train": 7, "test": "2"}}, None),
    ],
)
def test_numbers_that_a_folder_has_settled_on(identity, expected):
    assert recorded_counts(identity, ["train", "test"]) == expected


def test_a_number_of_records(config):
    manifest = build_shards(config)
    assert manifest.shard_counts == {"train": 4, "validation": 2}
    assert {name: len(manifest.shards_of(name)) for name in manifest.splits} == manifest.shard_counts
    assert check_shards(config.out) == []


def test_what_is_measured_is_what_the_shards_take(config, tmp_path):
    fixed = replace(config, num_shards=3, shard_records=0, max_side=32, out=tmp_path / "fixed")
    manifest = build_shards(fixed)
    found = measure(plan_build(fixed).tasks(), 24, workers=1)
    assert found == Measured(photographs=24, records=24, size_bytes=sum(shard.size_bytes for shard in manifest.shards))


@pytest.mark.parametrize("quality", [0, 60])
def test_shards_have_the_size_that_was_asked_for(photographs, tmp_path, quality):
    """On average, to a tenth, whether the bytes are kept or encoded again; single shards spread as lots do."""
    again = {"max_side": 32, "quality": quality} if quality else {}
    target = 30_000 if quality else 100_000
    config = BuildConfig(
        csv=photographs[0],
        images=photographs[1],
        out=tmp_path / "out",
        num_shards=0,
        shard_bytes=target,
        splits=parse_plan(["validation=0.3"]),
        **again,
    )
    manifest = build_shards(config)
    for split in manifest.splits:
        sizes = np.array([shard.size_bytes for shard in manifest.shards_of(split)])
        assert len(sizes) >= 10
        assert 0.9 * target < sizes.mean() < 1.1 * target, split
        assert sizes.max() < 1.7 * target
    assert manifest.settings["shard_bytes"] == target


def test_a_killed_build_goes_on_with_its_number(copied, contents, scene, encode, monkeypatch):
    build_shards(replace(copied, out=copied.out.with_name("whole")))
    counts = plan_build(copied).shard_counts
    assert counts["train"] > 1
    written = []

    def interrupt(config, splits):
        raise KeyboardInterrupt

    monkeypatch.setattr("tfrecords_builder.shards.finished_shards", interrupt)
    with pytest.raises(KeyboardInterrupt):
        build_shards(copied)
    monkeypatch.undo()
    before = {path: path.read_bytes() for path in copied.images.rglob("*.jpg")}
    for path in before:  # photographs of another size would ask for another number
        path.write_bytes(encode(scene(400, 600)))
    assert plan_build(replace(copied, out=copied.out.with_name("new"), shard_bytes=40_000)).shard_counts != counts
    assert plan_build(copied).shard_counts == counts
    for path, data in before.items():
        path.write_bytes(data)
    monkeypatch.setattr(build_plan, "measure", lambda *arguments: written.append(arguments))
    build_shards(copied)
    assert written == []  # nothing was measured again
    assert contents(copied.out) == contents(copied.out.with_name("whole"))


@pytest.mark.parametrize("lost", ["manifest.json", ".build"])
def test_repair_has_the_number_from_the_folder(copied, contents, monkeypatch, lost):
    manifest = build_shards(copied)
    whole = contents(copied.out)
    (copied.out / manifest.shards[0].name).write_bytes(b"")
    path = copied.out / lost
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    monkeypatch.setattr(build_plan, "measure", None)
    done = repair_shards(copied.out, csv=copied.csv, images=copied.images)
    assert done.rebuilt == (manifest.shards[0].name,)
    (copied.out / ".build/lock").touch()
    assert contents(copied.out) | {".build/lock": b""} == whole


def test_workers_and_the_place_of_photographs_change_no_number(copied, tmp_path, contents):
    build_shards(replace(copied, workers=2))
    shutil.move(copied.images, tmp_path / "moved")
    build_shards(replace(copied, images=tmp_path / "moved", out=tmp_path / "other"))
    assert contents(copied.out) == contents(tmp_path / "other")


def test_photographs_elsewhere_are_fetched_to_be_measured(copied):
    asked = []

    def fetch(image_ids, folder):
        asked.extend(image_ids)
        shutil.copytree(copied.images, folder)

    there = replace(copied, images=Path("gs://bucket/train"), out=copied.out.with_name("new"))
    assert plan_build(there, fetch=fetch).shard_counts == plan_build(copied).shard_counts
    assert len(asked) == 24


def test_another_target_is_another_build(copied):
    build_shards(copied)
    with pytest.raises(ValueError, match=r"other settings \(settings.shard_bytes was 5000 and is 6000\)"):
        build_shards(replace(copied, shard_bytes=6000))


def test_refused_photographs_take_no_space(copied):
    counts = plan_build(copied).shard_counts
    for path in sorted(copied.images.rglob("*.jpg"))[::2]:
        path.write_bytes(b"")
    assert plan_build(copied).shard_counts["train"] < counts["train"]
    manifest = build_shards(copied)
    assert read_manifest(copied.out).shard_counts == manifest.shard_counts
    assert manifest.refused == 12
