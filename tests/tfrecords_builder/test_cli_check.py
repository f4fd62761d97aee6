import pytest

from tfrecords_builder.cli import app
from tfrecords_builder.terminal import run_app


def call(*arguments: object) -> int:
    return run_app(app, list(map(str, arguments)))


@pytest.fixture
def sources(catalogue) -> list[object]:
    return ["--csv", catalogue[0], "--images", catalogue[1]]


@pytest.fixture
def build(sources, tmp_path):
    assert call("shards", *sources, "--out", tmp_path / "out", "--num-shards", 2, "--workers", 1) == 0
    return tmp_path / "out"


def test_a_sample_is_checked(build, capsys):
    assert call("check", build, "--sample", 0.1, "--seed", 3, "--workers", 1) == 0
    assert "24 records in 2 shards are sound" in capsys.readouterr().out


def test_repair(build, sources, capsys):
    shard = build / "train-00001-of-00002.tfrecord"
    whole = shard.read_bytes()
    shard.write_bytes(whole[:-1])
    assert call("check", build, "--workers", 1) == 1
    assert call("check", build, "--repair", *sources, "--workers", 1) == 0
    said = capsys.readouterr().out
    assert f"{shard.name}: rebuilt\n{build}: 1 of 2 shards were rebuilt, the others are sound\n" in said
    assert shard.read_bytes() == whole
    assert call("check", build, "--workers", 1) == 0


def test_a_foreign_shard_is_not_removed(build, sources, capsys):
    (build / "index-00000-of-00001.tfrecord").write_bytes(b"")
    assert call("check", build, "--repair", *sources, "--workers", 1) == 1
    assert "index-00000-of-00001.tfrecord: is not in the manifest" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--repair"], "--repair needs --csv and --images"),
        (["--csv", "x.csv"], "--csv, --images and further inputs are for --repair"),
        (["--sample", "0"], "sample=0.0: choose a share above 0 and at most 1"),
        (["--sample", "1.5"], "sample=1.5"),
        (["--repair", "--csv", "x", "--images", "y", "--sample", "0.5"], "a repair decodes every image"),
    ],
)
def test_options_that_do_not_fit(build, capsys, options, message):
    assert call("check", build, *options) == 2
    assert message in capsys.readouterr().err
