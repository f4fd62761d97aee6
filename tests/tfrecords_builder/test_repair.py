import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tfrecords_builder import repair
from tfrecords_builder.check import check_shards
from tfrecords_builder.config import BuildConfig
from tfrecords_builder.repair import repair_shards
from tfrecords_builder.schema import offsets_name
from tfrecords_builder.shards import build_shards
from tfrecords_builder.splits import parse_plan
from tfrecords_builder.terminal import CheckFailed

NAME = "train-00000-of-00003.tfrecord"
OTHER = "validation-00002-of-00003.tfrecord"


@pytest.fixture(scope="module")
def fresh(spoilt_catalogue, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("fresh") / "out"
    plan = parse_plan(["validation=0.25", "test=0.1"])
    build_shards(
        BuildConfig(
            csv=spoilt_catalogue[0], images=spoilt_catalogue[1], out=out, num_shards=3, max_side=32, splits=plan, seed=5
        )
    )
    return out


@pytest.fixture
def build(fresh, tmp_path) -> Path:
    shutil.copytree(fresh, tmp_path / "out")
    return tmp_path / "out"


def flip(path: Path, place: int = 500) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)


def tamper(path: Path) -> None:
    """Makes manifest.json say another sha256 of the first shard."""
    content = json.loads(path.read_text())
    content["shards"][0]["sha256"] = "0" * 64
    path.write_text(json.dumps(content))


DAMAGES = {
    "nothing": (lambda out: None, []),
    "a flipped bit": (lambda out: flip(out / NAME), [NAME]),
    "two shards": (lambda out: (flip(out / NAME), (out / OTHER).unlink()), [NAME, OTHER]),
    "cut": (lambda out: (out / NAME).write_bytes((out / NAME).read_bytes()[:-5]), [NAME]),
    "exchanged": (lambda out: shutil.copy(out / OTHER, out / NAME), [NAME]),
    "no offsets": (lambda out: (out / offsets_name(NAME)).unlink(), [NAME]),
    "other offsets": (lambda out: shutil.copy(out / offsets_name(OTHER), out / offsets_name(NAME)), [NAME]),
    "no refused.csv": (lambda out: (out / "refused.csv").unlink(), []),
    "other labels.csv": (lambda out: (out / "labels.csv").write_text("label,landmark_id,images\n0,1,1\n"), []),
    "no manifest": (lambda out: (out / "manifest.json").unlink(), []),
    "damaged manifest": (lambda out: (out / "manifest.json").write_text("{"), []),
    "wrong manifest": (lambda out: tamper(out / "manifest.json"), []),
    "no notes": (lambda out: shutil.rmtree(out / ".build"), []),
    "no notes and a flipped bit": (lambda out: (shutil.rmtree(out / ".build"), flip(out / NAME)), [NAME]),
    "damaged note": (lambda out: (out / f".build/{NAME}.json").write_text("[]"), []),
    "damaged settings": (lambda out: (out / ".build/settings.json").write_text("{"), []),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_only_what_is_bad_is_rebuilt_and_the_folder_is_as_new(build, fresh, spoilt_catalogue, contents, damage):
    spoil, expected = DAMAGES[damage]
    spoil(build)
    inodes = {path.name: path.stat().st_ino for path in build.glob("*.tfrecord")}
    done = repair_shards(build, csv=spoilt_catalogue[0], images=spoilt_catalogue[1])
    assert list(done.rebuilt) == expected
    found = contents(build)
    (build / ".build/lock").touch()
    assert found | {".build/lock": b""} == contents(fresh)
    assert check_shards(build) == []
    kept = {path.name for path in build.glob("*.tfrecord") if inodes.get(path.name) == path.stat().st_ino}
    assert kept == {path.name for path in build.glob("*.tfrecord")} - set(expected)


@pytest.mark.slow
def test_with_several_workers(build, fresh, spoilt_catalogue, contents):
    flip(build / NAME)
    repair_shards(build, csv=spoilt_catalogue[0], images=spoilt_catalogue[1], workers=2)
    assert contents(build) == contents(fresh)


def test_changed_photographs_are_noticed_and_nothing_is_replaced(
    build, spoilt_catalogue, tmp_path, contents, scene, encode
):
    shutil.copytree(spoilt_catalogue[1], tmp_path / "images")
    for number, path in enumerate(sorted((tmp_path / "images").rglob("*.jpg"))):
        path.write_bytes(encode(scene(seed=100 + number)))
    flip(build / NAME)
    before = contents(build)
    with pytest.raises(CheckFailed, match=f"{NAME} was rebuilt with .* photographs in .* have changed. Nothing was"):
        repair_shards(build, csv=spoilt_catalogue[0], images=tmp_path / "images")
    assert contents(build) == before


def test_another_catalogue_is_refused(build, spoilt_catalogue, tmp_path, contents):
    (tmp_path / "other.csv").write_text(spoilt_catalogue[0].read_text() + "ffff,7\n")
    before = contents(build)
    with pytest.raises(ValueError, match=r"cannot be repaired from these inputs \(inputs.csv was"):
        repair_shards(build, csv=tmp_path / "other.csv", images=spoilt_catalogue[1])
    assert contents(build) == before


def test_other_versions_are_refused(build, spoilt_catalogue, monkeypatch):
    monkeypatch.setattr("PIL.__version__", "0.1")
    with pytest.raises(ValueError, match=r"versions.pillow was '.*' and is '0.1'"):
        repair_shards(build, csv=spoilt_catalogue[0], images=spoilt_catalogue[1])


def test_a_folder_without_a_build(spoilt_catalogue, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"neither a readable manifest nor a \.build folder"):
        repair_shards(tmp_path, csv=spoilt_catalogue[0], images=spoilt_catalogue[1])
    (tmp_path / ".build").mkdir()
    with pytest.raises(ValueError, match="does not say how it was built any more"):
        repair_shards(tmp_path, csv=spoilt_catalogue[0], images=spoilt_catalogue[1])


@pytest.mark.parametrize("point", ["write_shard", "finish_build"])
def test_a_killed_repair_can_be_run_again(build, fresh, spoilt_catalogue, contents, monkeypatch, point):
    flip(build / NAME)

    def interrupt(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(repair, point, interrupt)
    with pytest.raises(KeyboardInterrupt):
        repair_shards(build, csv=spoilt_catalogue[0], images=spoilt_catalogue[1])
    monkeypatch.undo()
    repair_shards(build, csv=spoilt_catalogue[0], images=spoilt_catalogue[1])
    assert contents(build) == contents(fresh)


def test_a_build_with_given_labels(fresh, spoilt_catalogue, tmp_path, contents):
    config = BuildConfig(
        csv=spoilt_catalogue[0],
        images=spoilt_catalogue[1],
        out=tmp_path / "whole",
        labels=fresh / "labels.csv",
        splits=parse_plan(["index"]),
        num_shards=2,
    )
    build_shards(config)
    build_shards(replace(config, out=tmp_path / "out"))
    (tmp_path / "out/index-00001-of-00002.tfrecord").unlink()
    with pytest.raises(ValueError, match="give --labels"):
        repair_shards(tmp_path / "out", csv=spoilt_catalogue[0], images=spoilt_catalogue[1])
    repair_shards(tmp_path / "out", csv=spoilt_catalogue[0], images=spoilt_catalogue[1], labels=fresh / "labels.csv")
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_tables_beside_the_shards_are_checked_and_repaired(spoilt_catalogue, tmp_path, contents):
    rows = [line.split(",") for line in spoilt_catalogue[0].read_text().split()[1:]]
    attribution = tmp_path / "attribution_in.csv"
    header = "id,url,author,license,title\n"
    attribution.write_text(header + "".join(f"{row[0]},https://example.org,a,CC0,t\n" for row in rows))
    categories = tmp_path / "categories_in.csv"
    categories.write_text("landmark_id,category\n7,Seven\n300,Bridge\n")
    further = {"attribution": attribution, "categories": categories}
    config = BuildConfig(
        csv=spoilt_catalogue[0], images=spoilt_catalogue[1], out=tmp_path / "whole", num_shards=2, **further
    )
    build_shards(config)
    build_shards(replace(config, out=tmp_path / "out"))
    (tmp_path / "out/attribution.csv").unlink()
    (tmp_path / "out/categories.csv").write_text("landmark_id,category\n")
    assert [str(problem) for problem in check_shards(tmp_path / "out")] == [
        "attribution.csv: is missing; run the build again",
        "categories.csv: its sha256 is not the manifest's",
    ]
    repair_shards(tmp_path / "out", csv=spoilt_catalogue[0], images=spoilt_catalogue[1], **further)
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")
