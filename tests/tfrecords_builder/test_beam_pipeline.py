"""Needs Apache Beam, which has an environment of its own (`make test-beam`); what needs none is tested everywhere."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tfrecords_builder import beam_pipeline
from tfrecords_builder.beam_pipeline import address, build_with_beam, is_remote
from tfrecords_builder.check import check_shards
from tfrecords_builder.cli import app
from tfrecords_builder.config import BuildConfig
from tfrecords_builder.shards import build_shards
from tfrecords_builder.splits import parse_plan
from tfrecords_builder.terminal import run_app

ROOT = Path(__file__).resolve().parents[2]
NAME = "train-00001-of-00003.tfrecord"
HERE = ["--runner=DirectRunner"]


@pytest.fixture(scope="session")
def beam():
    return pytest.importorskip("apache_beam", reason="Apache Beam has its own environment: make test-beam")


@pytest.fixture
def config(spoilt_catalogue, tmp_path) -> BuildConfig:
    plan = parse_plan(["validation=0.25"])
    return BuildConfig(
        csv=spoilt_catalogue[0],
        images=spoilt_catalogue[1],
        out=tmp_path / "beam",
        num_shards=3,
        max_side=32,
        splits=plan,
        seed=5,
    )


@pytest.fixture
def local(config, tmp_path, contents) -> dict[str, bytes]:
    """All files of the same build without Beam."""
    build_shards(replace(config, out=tmp_path / "local"))
    return contents(tmp_path / "local")


def test_addresses_survive_being_paths():
    assert address(Path("gs://bucket/a/b")) == "gs://bucket/a/b"
    assert is_remote(Path("s3://bucket"))
    for path in (Path("/a/b"), Path("a/b"), Path("gs/b"), Path()):
        assert not is_remote(path)
        assert address(path) == str(path)


def test_flags_must_be_flags(config):
    with pytest.raises(ValueError, match="'DirectRunner' is no flag of Apache Beam: they look like --runner=Direct"):
        build_with_beam(config, ["DirectRunner"])


def test_without_beam_the_extra_is_named(config, monkeypatch):
    monkeypatch.setitem(sys.modules, "apache_beam", None)
    with pytest.raises(ModuleNotFoundError, match=r"Apache Beam is not installed: pip install 'tfland\[beam\]'"):
        build_with_beam(config, HERE)
    assert not config.out.exists()


def test_one_shard_as_a_worker_writes_it(config, tmp_path, contents, monkeypatch):
    """Without a runner: the pipeline is a plain map of this function."""
    build_shards(replace(config, out=tmp_path / "local"))
    monkeypatch.setattr(beam_pipeline, "_require_beam", lambda: None)
    monkeypatch.setattr(
        beam_pipeline,
        "_run_pipeline",
        lambda names, out, arguments: [beam_pipeline.write_planned_shard(name, out) for name in names],
    )
    build_with_beam(config, HERE)
    assert contents(config.out) == contents(tmp_path / "local")


def test_byte_for_byte_what_the_local_build_writes(beam, config, local, contents):
    manifest = build_with_beam(config, HERE)
    assert contents(config.out) == local
    assert (manifest.records(), manifest.refused) == (21, 3)
    assert check_shards(config.out) == []


def test_several_processes_from_the_command_line(beam, config, local, contents):
    line = ["shards", "--csv", config.csv, "--images", config.images, "--out", config.out, "--num-shards", 3]
    line += ["--max-side", 32, "--split", "validation=0.25", "--seed", 5]
    flags = ["--runner=DirectRunner", "--direct_num_workers=2", "--direct_running_mode=multi_processing"]
    done = subprocess.run(
        [sys.executable, "-m", "tfrecords_builder", *map(str, line), "--", *flags],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 3, done.stderr[-3000:]
    assert "3 photographs (1 empty, 1 missing, 1 truncated) are listed in" in done.stderr
    assert contents(config.out) == local


def test_a_failed_pipeline_goes_on(beam, config, local, contents, monkeypatch):
    real = beam_pipeline.write_shard

    def fail(task, tick):
        if task.name == NAME:
            raise OSError("no space left")
        return real(task, tick)

    monkeypatch.setattr(beam_pipeline, "write_shard", fail)
    with pytest.raises(Exception, match="no space left"):
        build_with_beam(config, HERE)
    assert not (config.out / "manifest.json").exists()
    monkeypatch.undo()
    build_with_beam(config, HERE)
    assert contents(config.out) == local


def test_a_local_build_goes_on_with_what_a_pipeline_began(beam, config, local, contents, caplog):
    build_with_beam(config, HERE)
    (config.out / NAME).unlink()
    (config.out / "manifest.json").unlink()
    with caplog.at_level("INFO"):
        build_shards(config)
    assert "5 of 6 shards were finished before" in caplog.text
    assert contents(config.out) == local


def test_a_finished_build_needs_no_pipeline(beam, config, local, contents, monkeypatch):
    build_with_beam(config, HERE)
    monkeypatch.setattr(beam_pipeline, "write_shard", None)
    build_with_beam(config, HERE)
    assert contents(config.out) == local


@pytest.fixture
def bucket(beam, tmp_path):
    """A file system that Beam knows as bucket://, kept in a folder."""
    from apache_beam.io.filesystem import FileMetadata
    from apache_beam.io.localfilesystem import LocalFileSystem

    root = tmp_path / "bucket"
    root.mkdir()

    class Bucket(LocalFileSystem):
        def _inside(self, path):
            return str(root / path.removeprefix("bucket://"))

        @classmethod
        def scheme(cls):
            return "bucket"

        def join(self, base, *paths):
            return "/".join([base, *paths])

        def create(self, path, *arguments, **options):
            return super().create(self._inside(path), *arguments, **options)

        def open(self, path, *arguments, **options):
            return super().open(self._inside(path), *arguments, **options)

        def exists(self, path):
            return super().exists(self._inside(path))

        def mkdirs(self, path):
            return super().mkdirs(self._inside(path))

        def delete(self, paths):
            return super().delete([self._inside(path) for path in paths])

        def _list(self, path):
            for file in super()._list(self._inside(path)):
                inside = Path(file.path).relative_to(root).as_posix()
                yield FileMetadata(f"bucket://{inside}", file.size_in_bytes, file.last_updated_in_seconds)

    yield root
    # Beam looks for subclasses: this one must not outlive its folder.
    Bucket.scheme = classmethod(lambda cls: "gone")


def test_folders_that_are_addresses(bucket, config, local, contents, monkeypatch):
    shutil.copytree(config.images, bucket / "train")
    there = replace(config, images=Path("bucket://train"), out=Path("bucket://shards"))
    build_with_beam(there, HERE)
    assert {**contents(bucket / "shards"), ".build/lock": b""} == local
    (bucket / "shards/manifest.json").unlink()
    (bucket / "shards" / NAME).write_bytes(b"cut")
    written = []
    real = beam_pipeline.write_shard
    monkeypatch.setattr(
        beam_pipeline, "write_shard", lambda task, tick: (written.append(task.name), real(task, tick))[1]
    )
    build_with_beam(there, HERE)
    assert written == [NAME]
    assert {**contents(bucket / "shards"), ".build/lock": b""} == local


def test_shards_of_a_size_at_addresses(bucket, config, tmp_path, contents, monkeypatch):
    """The sample is fetched; the number is noted before a shard is written, and a pipeline that failed keeps it."""
    sized = replace(config, num_shards=0, shard_bytes=5000)
    expected = build_shards(replace(sized, out=tmp_path / "local")).shard_counts
    assert expected["train"] > 1
    shutil.copytree(config.images, bucket / "train")
    there = replace(sized, images=Path("bucket://train"), out=Path("bucket://shards"))
    monkeypatch.setattr(beam_pipeline, "_run_pipeline", lambda names, out, arguments: None)
    with pytest.raises(OSError, match="the pipeline ended without"):
        build_with_beam(there, HERE)
    monkeypatch.undo()
    assert json.loads((bucket / "shards/.build/settings.json").read_text())["shard_counts"] == expected
    with pytest.raises(ValueError, match="holds a build with other settings"):
        build_with_beam(replace(there, seed=6), HERE)
    monkeypatch.setattr("tfrecords_builder.build_plan.measure", None)
    build_with_beam(there, HERE)
    assert {**contents(bucket / "shards"), ".build/lock": b""} == contents(tmp_path / "local")


def test_the_command_line_without_flags_does_without_beam(config, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "apache_beam", None)
    line = ["shards", "--csv", config.csv, "--images", config.images, "--out", config.out, "--workers", 1]
    assert run_app(app, list(map(str, line))) == 3
    assert run_app(app, [*map(str, line), "--", "--runner=DirectRunner"]) == 1
    assert "Apache Beam is not installed" in capsys.readouterr().err
