import shutil
from pathlib import Path

import pytest

from delf_verify.cli import app
from delf_verify.feature_store import FeatureStore
from tfrecords_builder.terminal import run_app


def features(*arguments: object) -> int:
    return run_app(app, ["features", *map(str, arguments)])


def test_a_real_file_goes_in_and_out(real_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = real_data / "delf_v1/images/features"
    store = tmp_path / "store"
    assert features("import", source, "--out", store, "--fingerprint", "delf-v1") == 0
    assert f"1 images added to {store}, 0 were there" in capsys.readouterr().out
    assert len(FeatureStore(store, "delf-v1").get("love")) == 546
    assert (tmp_path / "store_refused.csv").read_text() == "id,detail\n"
    assert features("export", store, "--out", tmp_path / "out") == 0
    assert "1 files written" in capsys.readouterr().out
    # But for the descriptors' rounding, the same file.
    assert (tmp_path / "out" / "love.delf").stat().st_size == (source / "love.delf").stat().st_size


def test_damaged_files_are_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "bad.delf").write_bytes(b"x")
    assert features("import", tmp_path / "in", "--out", tmp_path / "store", "--fingerprint", "x") == 3
    assert "1 files could not be read" in capsys.readouterr().err
    header, row = (tmp_path / "store_refused.csv").read_text().splitlines()
    assert header == "id,detail" and row.startswith("bad,") and "byte 1: the data end within a number" in row


def test_exit_codes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert features("export", tmp_path / "none", "--out", tmp_path / "out") == 1
    assert features("import", tmp_path / "none", "--out", tmp_path / "out", "--fingerprint", "x") == 1
    (tmp_path / "in").mkdir()
    assert features("import", tmp_path / "in", "--out", tmp_path / "out") == 2
    assert "give --fingerprint" in capsys.readouterr().err
    FeatureStore(tmp_path / "store", "y")
    shutil.copytree(tmp_path / "store", tmp_path / "other")
    assert features("import", tmp_path / "in", "--out", tmp_path / "other", "--fingerprint", "x") == 2
    assert "holds features of 'y', not of 'x'" in capsys.readouterr().err
