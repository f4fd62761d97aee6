import json

import pytest

from tfrecords_builder.manifest import (
    FORMAT_VERSION,
    Manifest,
    RefusedImage,
    ShardEntry,
    count_reasons,
    read_manifest,
    write_manifest,
    write_refused,
)


def entry(name: str, records: int) -> ShardEntry:
    return ShardEntry(name=name, records=records, refused=0, size_bytes=10 * records, sha256="ab" * 32)


@pytest.fixture
def manifest() -> Manifest:
    return Manifest(
        format_version=FORMAT_VERSION,
        fingerprint="00",
        inputs={"csv": "11", "labels": ""},
        settings={"seed": 0},
        versions={"numpy": "2"},
        shard_counts={"test": 1, "train": 2},
        classes=3,
        labels_sha256="22",
        shards=(
            entry("test-00000-of-00001.tfrecord", 2),
            entry("train-00000-of-00002.tfrecord", 5),
            entry("train-00001-of-00002.tfrecord", 6),
        ),
        refusals={"empty": 1, "missing": 2},
    )


def test_totals(manifest):
    assert manifest.splits == ("test", "train")
    assert manifest.records() == 13
    assert manifest.records("train") == 11
    assert len(manifest.shards_of("train")) == 2
    assert manifest.refused == 3


def test_a_manifest_survives_its_file(tmp_path, manifest):
    write_manifest(tmp_path, manifest)
    assert read_manifest(tmp_path) == manifest
    content = json.loads((tmp_path / "manifest.json").read_text())
    assert content["splits"] == {"test": {"records": 2, "shards": 1}, "train": {"records": 11, "shards": 2}}


def test_equal_manifests_are_equal_files(tmp_path, manifest):
    for folder in (tmp_path / "a", tmp_path / "b"):
        write_manifest(folder, manifest)
    assert (tmp_path / "a/manifest.json").read_bytes() == (tmp_path / "b/manifest.json").read_bytes()


def test_no_manifest(tmp_path):
    with pytest.raises(FileNotFoundError, match="the build is unfinished, or this is no build folder"):
        read_manifest(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: [], "must hold a JSON object, not a list; build the shards again"),
        (lambda content: {**content, "format_version": 99}, "is not of format version 1"),
        (lambda content: {**content, "shards": [{"name": "x"}]}, "is damaged"),
        (lambda content: {key: content[key] for key in content if key != "classes"}, "is damaged: 'classes'"),
        (
            lambda content: {**content, "shards": [{**content["shards"][0], "name": "../../x"}]},
            "'../../x' is no shard name",
        ),
    ],
)
def test_damaged_manifests_are_refused(tmp_path, manifest, change, message):
    write_manifest(tmp_path, manifest)
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps(change(json.loads(path.read_text()))))
    with pytest.raises(ValueError, match=message):
        read_manifest(tmp_path)


def test_refused_photographs_are_sorted_and_quoted(tmp_path):
    refused = [
        RefusedImage(id="b", reason="missing", detail='a "quoted", detail'),
        RefusedImage(id="a", reason="empty", detail="0 bytes"),
    ]
    write_refused(tmp_path, refused)
    assert (tmp_path / "refused.csv").read_text() == (
        'id,reason,detail\na,empty,0 bytes\nb,missing,"a ""quoted"", detail"\n'
    )
    assert count_reasons(refused) == {"empty": 1, "missing": 1}
    write_refused(tmp_path, [])
    assert (tmp_path / "refused.csv").read_text() == "id,reason,detail\n"
