import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tfrecords_builder.check import check_shards, require_sound
from tfrecords_builder.config import BuildConfig
from tfrecords_builder.images import encode_jpeg
from tfrecords_builder.schema import from_example_bytes, offsets_name, to_example_bytes
from tfrecords_builder.shards import build_shards
from tfrecords_builder.terminal import CheckFailed
from tfrecords_builder.tfrecord import frame_record, read_records, scan_records

NAME = "train-00000-of-00002.tfrecord"
OTHER = "train-00001-of-00002.tfrecord"


@pytest.fixture
def sound(built) -> Path:
    return built(2)


@pytest.fixture
def build(sound, tmp_path) -> Path:
    shutil.copytree(sound, tmp_path / "out")
    return tmp_path / "out"


def problems(folder: Path, workers: int = 1) -> list[str]:
    return [str(problem) for problem in check_shards(folder, workers=workers)]


def rewrite(path: Path, change) -> None:
    """Writes a shard anew with sound CRCs after `change(list of records)`."""
    records = change([from_example_bytes(data) for data in read_records(path)])
    path.write_bytes(b"".join(frame_record(to_example_bytes(record)) for record in records))


@pytest.mark.parametrize("workers", [1, 2])
def test_a_sound_build(sound, workers):
    assert check_shards(sound, workers=workers) == []
    assert require_sound(sound).records() == 24


def test_a_flipped_bit_is_found_and_named(build):
    data = bytearray((build / NAME).read_bytes())
    second = [frame.offset for frame in scan_records(build / NAME)][1]
    data[second + 500] ^= 4
    (build / NAME).write_bytes(data)
    found = problems(build)
    assert found[0] == f"{NAME}: its sha256 is not the manifest's"
    assert f"{NAME} record 1: the CRC of its" in found[1]
    assert len(found) == 2


def test_every_flipped_byte_of_the_framing_is_found(build):
    original = (build / NAME).read_bytes()
    for position in (0, 7, 8, 11, 12, len(original) - 1):
        data = bytearray(original)
        data[position] ^= 1
        (build / NAME).write_bytes(data)
        assert any("CRC" in problem for problem in problems(build)), position


def test_a_cut_shard(build):
    (build / NAME).write_bytes((build / NAME).read_bytes()[:-10])
    found = "\n".join(problems(build))
    assert "bytes, the manifest says" in found
    assert "the file ends within a record" in found


def test_a_shard_that_lacks_its_last_record(build):
    last = [frame.offset for frame in scan_records(build / NAME)][-1]
    (build / NAME).write_bytes((build / NAME).read_bytes()[:last])
    found = "\n".join(problems(build))
    assert "records, the manifest says" in found
    assert "offsets are not those of the" in found


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"label": 3}, "label 3 is not one of the 3 classes"),
        ({"label": -2}, "label -2 is not one of the 3 classes"),
        ({"label": -1, "landmark_id": 7}, r"label -1 (no landmark) but landmark 7"),
        ({"label": 1, "landmark_id": 7}, "label 1 means landmark 300, but the record says 7"),
        ({"height": 41}, "its image is 60 x 40 pixels, the record says 60 x 41"),
        ({"encoded": b"GIF89a"}, "its image is refused: truncated: a GIF without a whole header"),
        ({"encoded": b""}, "its image is refused: not_an_image"),
    ],
)
def test_records_that_are_whole_and_wrong(build, change, message):
    rewrite(build / NAME, lambda records: [replace(records[0], **change), *records[1:]])
    found = problems(build)
    assert any(f"{NAME} record 0" in problem and message in problem for problem in found), found


def test_an_image_that_does_not_decode(build):
    def spoil(records):
        first, second = (bytearray(record.encoded) for record in records[:2])
        tables = first.index(b"\xff\xc4") + 5
        first[tables : tables + 16] = b"\xff" * 16  # more Huffman codes than there can be
        encoded = bytes(first), bytes(second[:-50])
        return [replace(record, encoded=data) for record, data in zip(records, encoded, strict=False)] + records[2:]

    rewrite(build / NAME, spoil)
    found = "\n".join(problems(build))
    assert f"{NAME} record 0" in found
    assert "its image does not decode" in found
    assert "its image is refused: truncated: JPEG: no end marker" in found


def test_an_image_that_training_would_read_otherwise(build, scene, encode):
    png = encode(scene(), "PNG")
    rewrite(build / NAME, lambda records: [replace(records[0], encoded=png), *records[1:]])
    assert any("its image is PNG RGB, orientation 1, not an upright RGB JPEG" in text for text in problems(build))


def test_what_is_no_record(build):
    (build / NAME).write_bytes(frame_record(b"\x0a\x7f"))
    assert any("record 0: not an Example" in problem for problem in problems(build))


def test_a_photograph_twice(build):
    first = from_example_bytes(next(read_records(build / NAME)))
    rewrite(build / OTHER, lambda records: [*records, first])
    assert any(f"({first.image_id}): the photograph is already in {NAME}" in text for text in problems(build))


def test_files_that_are_missing_or_foreign(build):
    (build / NAME).unlink()
    (build / offsets_name(OTHER)).unlink()
    (build / "refused.csv").unlink()
    (build / "index-00000-of-00001.tfrecord").write_bytes(b"")
    assert problems(build) == [
        "index-00000-of-00001.tfrecord: is not in the manifest",
        "refused.csv: is missing; run the build again",
        f"{NAME}: is missing; run the build again",
        f"{offsets_name(OTHER)}: is missing; run the build again",
    ]


def test_offsets_that_are_wrong(build):
    np.save(build / offsets_name(NAME), np.array([0, 1], np.int64))
    (build / offsets_name(OTHER)).write_bytes(b"x")
    found = problems(build)
    assert "its 2 offsets are not those of the" in found[0]
    assert "holds no byte offsets" in found[1]


def test_tables_that_disagree_with_the_manifest(build):
    (build / "labels.csv").write_text("label,landmark_id,images\n0,7,12\n1,300,8\n2,1043,4\n")
    (build / "refused.csv").write_text("id,reason,detail\na,empty,0 bytes\n")
    found = "\n".join(problems(build))
    assert "labels.csv: its classes are not those that the shards were built with" in found
    assert "refused.csv: 1 rows, the manifest says 0" in found
    assert "label 2 means landmark 1043, but the record says 1042" in found


def change_manifest(folder: Path, **change) -> None:
    content = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**content, **change}))


def test_a_manifest_that_disagrees_with_itself(build):
    manifest = json.loads((build / "manifest.json").read_text())
    change_manifest(build, settings={**manifest["settings"], "seed": 9}, classes=4, shards=manifest["shards"][:1])
    found = "\n".join(problems(build))
    assert "manifest.json: its fingerprint is not that of its inputs, settings and versions" in found
    assert "manifest.json: it says 4 classes, labels.csv has 3" in found
    assert f"manifest.json: it does not list {OTHER}" in found
    assert f"{OTHER}: is not in the manifest" in found


def test_class_sizes_that_are_wrong(build):
    (build / "labels.csv").write_text("label,landmark_id,images\n0,7,12\n1,300,9\n2,1042,4\n")
    assert problems(build) == [
        "labels.csv: 1 classes have another number of training records than it says; label 1: 8, not 9"
    ]


def test_a_table_of_refusals_that_is_wrong(build):
    first = from_example_bytes(next(read_records(build / NAME)))
    change_manifest(build, refusals={"empty": 2})
    (build / "refused.csv").write_text(f"id,reason,detail\n{first.image_id},bored,x\n{first.image_id},empty,x\n")
    assert problems(build) == [
        "refused.csv: 'bored' is no reason of this version",
        "refused.csv: its reasons are not those that the manifest counts",
        f"refused.csv: photograph '{first.image_id}' occurs twice",
        "refused.csv: the manifest counts 2 refusals, its shards 0",
        f"{NAME} record 0 ({first.image_id}): the photograph is in refused.csv too",
    ]


def test_a_sample_still_reads_every_record(build):
    rewrite(build / NAME, lambda records: [replace(records[0], encoded=b"?"), replace(records[1], label=9)])
    found = "\n".join(problem.text for problem in check_shards(build, sample=1e-9))
    assert "label 9 is not one of" in found
    assert "its image is refused" not in found


@pytest.mark.parametrize("sample", [0, 1.01, -1, float("nan")])
def test_a_sample_that_is_no_share(build, sample):
    with pytest.raises(ValueError, match=f"sample={sample}: choose a share"):
        check_shards(build, sample=sample)


def test_a_failed_check_lists_what_is_wrong_and_how_much_more(build):
    rewrite(build / NAME, lambda records: [replace(record, label=9) for record in records] * 3)
    with pytest.raises(CheckFailed, match=r"(?s)out: \d+ problems\n  train-00000.*\n… and \d+ more") as error:
        require_sound(build)
    assert str(error.value).count("\n") == 21


def test_an_unfinished_build_is_no_build(build):
    (build / "manifest.json").unlink()
    with pytest.raises(FileNotFoundError, match="the build is unfinished"):
        check_shards(build)


def test_a_repaired_build_is_sound(build, catalogue):
    (build / NAME).unlink()
    build_shards(BuildConfig(csv=catalogue[0], images=catalogue[1], out=build, num_shards=2))
    assert check_shards(build) == []


def test_a_build_of_queries_is_sound(catalogue, tmp_path, write_csv, scene):
    (tmp_path / "images").mkdir()
    (tmp_path / "images/query1.jpg").write_bytes(encode_jpeg(scene()))
    queries = write_csv(tmp_path / "q.csv", ("id",), [("query1",)])
    from tfrecords_builder.splits import parse_plan

    out = tmp_path / "out"
    build_shards(BuildConfig(csv=queries, images=tmp_path / "images", out=out, splits=parse_plan(["test"])))
    assert check_shards(out) == []
    assert json.loads((out / "manifest.json").read_text())["splits"]["test"]["records"] == 1
