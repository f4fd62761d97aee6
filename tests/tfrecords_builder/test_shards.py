import csv
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tfrecords_builder import shard_writer
from tfrecords_builder.catalog import read_photographs
from tfrecords_builder.config import BuildConfig
from tfrecords_builder.labels import read_labels
from tfrecords_builder.schema import from_example_bytes, parse_shard_name
from tfrecords_builder.selection import Selection
from tfrecords_builder.shards import build_shards
from tfrecords_builder.splits import parse_plan
from tfrecords_builder.tfrecord import read_records

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def config(catalogue, tmp_path) -> BuildConfig:
    train_csv, images = catalogue
    return BuildConfig(
        csv=train_csv,
        images=images,
        out=tmp_path / "out",
        num_shards=3,
        max_side=32,
        splits=parse_plan(["validation=0.25"]),
        seed=5,
    )


def records(folder: Path, split: str = "*") -> list:
    paths = sorted(folder.glob(f"{split}-*.tfrecord"))
    return [from_example_bytes(data) for path in paths for data in read_records(path)]


def test_every_photograph_is_in_one_record(config):
    manifest = build_shards(config)
    expected = dict(read_photographs(config.csv).itertuples(index=False))
    found = records(config.out)
    assert {record.image_id: record.landmark_id for record in found} == expected
    assert len(found) == manifest.records() == 24
    assert (manifest.records("train"), manifest.records("validation")) == (18, 6)
    assert max(max(record.height, record.width) for record in found) == 32


def test_labels_number_the_training_landmarks(config):
    manifest = build_shards(config)
    labels = read_labels(config.out / "labels.csv")
    assert labels.landmark_ids.tolist() == [7, 300, 1042]
    assert labels.images.tolist() == [9, 6, 3]
    assert all(labels.landmark_ids[record.label] == record.landmark_id for record in records(config.out))
    assert (manifest.classes, manifest.labels_sha256) == (3, labels.digest())


def test_an_image_has_its_shard_from_its_id_and_the_seed_alone(config, tmp_path, write_csv):
    build_shards(config)
    table = read_photographs(config.csv)
    half = write_csv(tmp_path / "half.csv", ("id", "landmark_id"), table.iloc[::-2].itertuples(index=False))
    everything = parse_plan(["train"])
    build_shards(replace(config, csv=half, out=tmp_path / "half", splits=everything))
    build_shards(replace(config, out=tmp_path / "all", splits=everything))

    def places(folder: Path) -> dict[str, int]:
        paths = folder.glob("*.tfrecord")
        return {
            from_example_bytes(data).image_id: parse_shard_name(path.name)[1]
            for path in paths
            for data in read_records(path)
        }

    whole, part = places(tmp_path / "all"), places(tmp_path / "half")
    assert len(part) == 12
    assert part.items() <= whole.items()


def test_records_are_shuffled(config):
    build_shards(replace(config, num_shards=1, splits=parse_plan([])))
    landmarks = [record.landmark_id for record in records(config.out)]
    assert landmarks != sorted(landmarks)


@pytest.mark.parametrize("change", [{"workers": 2}, {"csv": "shuffled"}])
def test_workers_and_the_order_of_rows_change_nothing(config, tmp_path, write_csv, contents, change):
    if "csv" in change:
        rows = read_photographs(config.csv).sample(frac=1, random_state=0)
        change = {"csv": write_csv(tmp_path / "shuffled.csv", ("id", "landmark_id"), rows.itertuples(index=False))}
    build_shards(config)
    build_shards(replace(config, out=tmp_path / "other", **change))
    first, second = contents(config.out), contents(tmp_path / "other")
    if "csv" in change:  # its sha256 is part of what the build says of itself
        for files in (first, second):
            del files["manifest.json"], files[".build/settings.json"]
    assert first == second


def test_moving_the_photographs_changes_nothing(config, tmp_path, contents, catalogue):
    (tmp_path / "elsewhere").symlink_to(catalogue[1])
    build_shards(config)
    build_shards(replace(config, images=tmp_path / "elsewhere", out=tmp_path / "other"))
    assert contents(config.out) == contents(tmp_path / "other")


def test_the_seed_changes_the_shards(config, tmp_path, contents):
    first = build_shards(config)
    second = build_shards(replace(config, seed=6, out=tmp_path / "other"))
    assert first.fingerprint != second.fingerprint
    assert contents(config.out) != contents(tmp_path / "other")


def test_tensorflow_reads_the_shards(config, tf):
    build_shards(config)
    paths = [str(path) for path in sorted(config.out.glob("train-*.tfrecord"))]
    features = {
        "image/encoded": tf.io.FixedLenFeature([], tf.string),
        "image/class/label": tf.io.FixedLenFeature([], tf.int64),
    }
    labels = []
    for data in tf.data.TFRecordDataset(paths):
        parsed = tf.io.parse_single_example(data, features)
        assert tf.io.decode_jpeg(parsed["image/encoded"]).shape[-1] == 3
        labels.append(int(parsed["image/class/label"]))
    assert np.bincount(labels).tolist() == [9, 6, 3]


# Refusals.


@pytest.fixture
def damaged(config, tmp_path, scene, encode, store, png_header, write_csv) -> BuildConfig:
    """Six bad photographs and two good ones, of landmarks 1 (bad and good), 2 (only bad) and 3 (good)."""
    images = tmp_path / "images"
    store(images, "good01", encode(scene()))
    store(images, "good02", encode(scene(), "PNG"))
    store(images, "empty1", b"")
    store(images, "html01", b"<html>404</html>")
    store(images, "trunc1", encode(scene())[:-100])
    store(images, "pixel1", encode(scene(1, 1), "PNG"))
    store(images, "bomb01", png_header(20_000, 20_000))
    rows = [("good01", 1), ("good02", 3), ("gone01", 1), ("empty1", 1), ("html01", 1), ("trunc1", 2)]
    rows += [("pixel1", 2), ("bomb01", 2)]
    table = write_csv(tmp_path / "damaged.csv", ("id", "landmark_id"), rows)
    return replace(config, csv=table, images=images, splits=parse_plan([]))


def test_bad_photographs_are_listed_with_their_reason(damaged, caplog):
    manifest = build_shards(damaged)
    with (damaged.out / "refused.csv").open() as file:
        refused = {row["id"]: row["reason"] for row in csv.DictReader(file)}
    assert refused == {
        "gone01": "missing",
        "empty1": "empty",
        "html01": "not_an_image",
        "trunc1": "truncated",
        "pixel1": "too_small",
        "bomb01": "too_large",
    }
    assert sorted(record.image_id for record in records(damaged.out)) == ["good01", "good02"]
    assert (manifest.records(), manifest.refused) == (2, 6)
    assert manifest.refusals["too_large"] == 1


def test_labels_do_not_depend_on_refusals(damaged, caplog):
    build_shards(damaged)
    labels = read_labels(damaged.out / "labels.csv")
    assert labels.landmark_ids.tolist() == [1, 2, 3]
    assert labels.images.tolist() == [1, 0, 1]
    assert "1 classes of 3 have no usable training photograph" in caplog.text


def test_a_wrong_image_folder_is_an_error_not_a_thousand_refusals(config, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match=r"none of 24 photographs of .* is in .*; is it the right folder"):
        build_shards(replace(config, images=tmp_path / "empty"))
    with pytest.raises(NotADirectoryError, match="no folder of photographs at"):
        build_shards(replace(config, images=tmp_path / "none"))
    assert not config.out.exists()


# Labels of another build.


def test_queries_share_the_labels_of_the_training_build(config, tmp_path, write_csv):
    build_shards(config)
    ids = read_photographs(config.csv)["id"].tolist()
    queries = write_csv(tmp_path / "queries.csv", ("id",), [(image_id,) for image_id in ids[:5]])
    labels = config.out / "labels.csv"
    test = replace(config, csv=queries, out=tmp_path / "test", splits=parse_plan(["test"]), labels=labels)
    manifest = build_shards(test)
    assert {record.label for record in records(tmp_path / "test")} == {-1}
    assert manifest.labels_sha256 == read_labels(labels).digest()
    assert (tmp_path / "test/labels.csv").read_bytes() == labels.read_bytes()


def test_labelled_photographs_of_another_split_get_the_given_labels(config, tmp_path, write_csv):
    build_shards(config)
    table = read_photographs(config.csv)
    part = table[table["landmark_id"] == 1042]
    validation = write_csv(tmp_path / "v.csv", ("id", "landmark_id"), part.itertuples(index=False))
    given = replace(config, csv=validation, splits=parse_plan(["validation"]), out=tmp_path / "validation")
    with pytest.raises(ValueError, match="have landmarks but no split train that numbers them: give --labels"):
        build_shards(given)
    build_shards(replace(given, labels=config.out / "labels.csv"))
    assert {record.label for record in records(tmp_path / "validation")} == {2}


def test_a_landmark_without_a_label_is_refused_before_anything_is_built(config, tmp_path, write_csv):
    build_shards(replace(config, selection=Selection(min_images=6)))
    with pytest.raises(ValueError, match="1 landmarks are not among the 2 classes, the first is 1042"):
        build_shards(replace(config, out=tmp_path / "other", labels=config.out / "labels.csv"))
    assert not (tmp_path / "other").exists()


def test_queries_alone_need_no_labels(config, tmp_path, write_csv):
    ids = read_photographs(config.csv)["id"].tolist()
    queries = write_csv(tmp_path / "queries.csv", ("id",), [(image_id,) for image_id in ids])
    manifest = build_shards(replace(config, csv=queries, splits=parse_plan(["test"])))
    assert (manifest.classes, manifest.records("test")) == (0, 24)


# Running again.


def test_a_finished_build_is_skipped(config, contents, caplog):
    build_shards(config)
    before = contents(config.out)
    times = {path: path.stat().st_mtime_ns for path in config.out.glob("*.tfrecord")}
    with caplog.at_level("INFO"):
        build_shards(config)
    assert "6 of 6 shards were finished before and are skipped" in caplog.text
    assert contents(config.out) == before
    assert {path: path.stat().st_mtime_ns for path in config.out.glob("*.tfrecord")} == times


def test_without_resume_all_is_built_again(config, contents):
    build_shards(config)
    before = contents(config.out)
    inodes = {path.stat().st_ino for path in config.out.glob("*.tfrecord")}
    build_shards(replace(config, resume=False))
    assert contents(config.out) == before
    assert not inodes & {path.stat().st_ino for path in config.out.glob("*.tfrecord")}


def test_a_folder_never_mixes_two_builds(config):
    build_shards(config)
    with pytest.raises(ValueError, match=r"settings.max_side was 32 and is 16\); choose another --out"):
        build_shards(replace(config, max_side=16))
    with pytest.raises(ValueError, match=r"settings.splits.names was \['train', 'validation'\] and is"):
        build_shards(replace(config, splits=parse_plan([])))


def test_another_catalogue_is_another_build(config, tmp_path, write_csv):
    build_shards(config)
    rows = read_photographs(config.csv).iloc[:20]
    other = write_csv(tmp_path / "other.csv", ("id", "landmark_id"), rows.itertuples(index=False))
    with pytest.raises(ValueError, match=r"inputs.csv was"):
        build_shards(replace(config, csv=other))


def test_photographs_that_come_later_are_built_when_the_command_runs_again(config, tmp_path, contents, caplog):
    images = tmp_path / "images"
    shutil.copytree(config.images, images)
    config = replace(config, images=images)
    build_shards(replace(config, out=tmp_path / "whole"))
    late = sorted(images.rglob("*.jpg"))[:2]
    for path in late:
        path.rename(tmp_path / path.name)
    assert build_shards(config).refusals == {"missing": 2}
    (tmp_path / late[0].name).rename(late[0])
    with caplog.at_level("INFO"):
        assert build_shards(config).refusals == {"missing": 1}
    assert "build: 1 shards are written again" in caplog.text
    (tmp_path / late[1].name).rename(late[1])
    build_shards(config)
    assert contents(config.out) == contents(tmp_path / "whole")


def test_there_is_no_manifest_while_shards_are_replaced(config, monkeypatch):
    build_shards(config)

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(shard_writer, "write_offsets", interrupt)
    with pytest.raises(KeyboardInterrupt):
        build_shards(replace(config, resume=False))
    assert not (config.out / "manifest.json").exists()


@pytest.mark.parametrize("point", [0, 1, 7, 23])
def test_an_interrupted_build_goes_on_and_gives_the_same_folder(config, tmp_path, contents, monkeypatch, point):
    build_shards(replace(config, out=tmp_path / "whole"))
    calls = iter(range(100))
    real = shard_writer.to_example_bytes

    def interrupt(record):
        if next(calls) == point:
            raise KeyboardInterrupt
        return real(record)

    monkeypatch.setattr(shard_writer, "to_example_bytes", interrupt)
    with pytest.raises(KeyboardInterrupt):
        build_shards(config)
    assert not (config.out / "manifest.json").exists()
    monkeypatch.undo()
    build_shards(config)
    assert contents(config.out) == contents(tmp_path / "whole")


KILLED = """
import os, signal, sys
from tfrecords_builder import {module}
from tfrecords_builder.__main__ import app
from tfrecords_builder.terminal import run_app

calls = 0
real = {module}.{name}

def kill(*arguments, **options):
    global calls
    calls += 1
    if calls == {point}:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*arguments, **options)

{module}.{name} = kill
run_app(app, sys.argv[1:])
"""


def arguments(config: BuildConfig, out: Path, workers: int) -> list[str]:
    line = ["shards", "--csv", config.csv, "--images", config.images, "--out", out, "--num-shards", 3]
    line += ["--max-side", 32, "--split", "validation=0.25", "--seed", 5, "--workers", workers]
    return list(map(str, line))


@pytest.mark.slow
def test_sigkill_at_chosen_points_leaves_a_folder_that_is_completed_to_the_same_bytes(config, tmp_path, contents):
    build_shards(replace(config, out=tmp_path / "whole"))
    points = [
        ("shard_writer", "to_example_bytes", 1),  # in the first shard
        ("shard_writer", "to_example_bytes", 9),  # in a later one
        ("shard_writer", "write_offsets", 2),  # between a shard and its offsets
        ("build_state", "write_json", 3),  # between a shard and the note that it is finished
        ("shards", "write_labels", 1),  # all shards finished, no tables yet
        ("shards", "write_manifest", 1),  # all but the manifest
    ]
    for number, (module, name, point) in enumerate(points):
        out = tmp_path / f"killed{number}"
        code = KILLED.format(module=module, name=name, point=point)
        line = [sys.executable, "-c", code, *arguments(config, out, 1)]
        assert subprocess.run(line, cwd=ROOT, capture_output=True).returncode == -signal.SIGKILL
        assert not (out / "manifest.json").exists()
        build_shards(replace(config, out=out))
        assert contents(out) == contents(tmp_path / "whole"), (module, name, point)


@pytest.mark.real_data
@pytest.mark.slow
def test_real_photographs(real_data, tmp_path):
    folder = real_data / "landmarks15"
    plan = parse_plan(["validation=0.2"])
    config = BuildConfig(
        csv=folder / "train.csv", images=folder / "train", out=tmp_path / "out", max_side=128, splits=plan
    )
    manifest = build_shards(config)
    assert (manifest.records(), manifest.refused, manifest.classes) == (555, 0, 15)
    assert manifest.records("validation") == 111
