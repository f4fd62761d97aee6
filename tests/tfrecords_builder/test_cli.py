import json
import subprocess
import sys
from pathlib import Path

import pytest

from tfrecords_builder.cli import app
from tfrecords_builder.terminal import run_app

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def line(catalogue, tmp_path) -> list[object]:
    """`shards` with what it cannot do without."""
    csv, images = catalogue
    return ["shards", "--csv", csv, "--images", images, "--out", tmp_path / "out", "--workers", 1]


def call(*arguments: object) -> int:
    return run_app(app, list(map(str, arguments)))


def test_build_check_and_stats_as_a_user_runs_them(line, tmp_path, command):
    built = command(*line, "--split", "validation=0.25", "--num_shards", 2, "--max-side", 32)
    assert built.returncode == 0, built.stderr
    assert built.stdout == "train: 18 photographs in 2 shards\nvalidation: 6 photographs in 2 shards\n"
    checked = command("check", tmp_path / "out", "--workers", 2)
    assert (checked.returncode, checked.stdout) == (0, f"{tmp_path / 'out'}: 24 records in 4 shards are sound\n")
    stats = command("stats", tmp_path / "out", "--json", "--plot", tmp_path / "sizes.png")
    assert json.loads(stats.stdout)["class_sizes"] == [9, 6, 3]
    assert (tmp_path / "sizes.png").stat().st_size > 1000


@pytest.mark.parametrize("options", [["--shard-records", 5], ["--shard_size", "0.005MB"]])
def test_shards_of_a_size(line, tmp_path, capsys, options):
    assert call(*line, *options) == 0
    said = capsys.readouterr().out
    assert call(*line, *options) == 0
    assert capsys.readouterr().out == said
    manifest = json.loads((tmp_path / "out/manifest.json").read_text())
    assert said == f"train: 24 photographs in {manifest['shard_counts']['train']} shards\n"
    assert manifest["shard_counts"]["train"] in range(2, 25)
    assert call("check", tmp_path / "out", "--workers", 1) == 0


def test_refusals_end_with_3_and_name_the_list(line, tmp_path, write_csv, catalogue, command):
    rows = [*catalogue[0].read_text().split()[1:], "ffffffffffffffff,7"]
    csv = write_csv(tmp_path / "more.csv", ("id", "landmark_id"), [row.split(",") for row in rows])
    done = command(*line, "--csv", csv)
    assert done.returncode == 3
    assert f"1 photographs (1 missing) are listed in {tmp_path / 'out/refused.csv'}" in done.stderr
    assert call("check", tmp_path / "out") == 0


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--num-shards", 0], 2, "num_shards=0"),
        (["--num-shards", 8, "--shard-records", 5], 2, "--num-shards 8 and --shard-records 5: give one of them"),
        (["--shard-size", "200"], 2, "shard_bytes=200 is less than one record, which takes"),
        (["--shard-size", "2M"], 2, "--shard-size '2M': expected a number with B, KB"),
        (["--split", "validation=x"], 2, "expected NAME=FRACTION"),
        (["--landmark-range", "5"], 2, "--landmark-range '5': expected two landmark ids such as 1000-1300"),
        (["--landmarks", "5,x"], 2, "--landmarks '5,x': expected landmark ids separated by commas"),
        (["--min-images", 99], 2, "no class is left of 3"),
        (["--max-pixels", 0], 2, "max_pixels=0"),
        (["--nonsense"], 2, "No such option"),
        (["--csv", "/nowhere.csv"], 1, "no CSV file at /nowhere.csv"),
        (["--images", "/nowhere"], 1, "no folder of photographs at /nowhere"),
        (["--labels", "/nowhere.csv"], 1, "no CSV file at /nowhere.csv"),
    ],
)
def test_bad_options_are_one_sentence(line, capsys, options, code, message):
    assert call(*line, *options) == code
    errors = capsys.readouterr().err
    assert message in errors
    assert "Traceback" not in errors


def test_a_hostile_id_is_refused(line, tmp_path, write_csv, capsys):
    csv = write_csv(tmp_path / "bad.csv", ("id", "landmark_id"), [("../../etc/passwd", 1)])
    assert call(*line, "--csv", csv) == 2
    assert "line 2: id '../../etc/passwd' cannot be a file name" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_failed_check_ends_with_1(line, tmp_path, capsys):
    assert call(*line) == 0
    shard = max((tmp_path / "out").glob("*.tfrecord"), key=lambda path: path.stat().st_size)
    shard.write_bytes(shard.read_bytes()[:-1])
    assert call("check", tmp_path / "out", "--workers", 1) == 1
    assert "the file ends within a record" in capsys.readouterr().err


def test_a_folder_of_something_else_cannot_be_checked(tmp_path, capsys):
    assert call("check", tmp_path) == 1
    assert "no manifest.json" in capsys.readouterr().err


def test_running_again_skips_and_no_resume_does_not(line, capsys):
    assert call(*line) == call(*line) == 0
    assert "8 of 8 shards were finished before" in capsys.readouterr().err
    assert call(*line, "--no-resume") == 0
    assert "finished before" not in capsys.readouterr().err


@pytest.mark.parametrize("name", ["shards", "download", "catalog", "select", "split", "duplicates", "check", "stats"])
def test_every_command_has_help_and_needs_arguments(name, capsys):
    assert call(name, "--help") == 0
    assert "Usage" in capsys.readouterr().out
    assert call(name) == 2


def test_help_imports_nothing_heavy():
    heavy = ("numpy", "pandas", "cv2", "PIL")
    code = f"import sys, tfrecords_builder.cli; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_nothing_here_imports_tensorflow():
    code = (
        "import sys, pkgutil, importlib, tfrecords_builder as p\n"
        "[importlib.import_module('tfrecords_builder.' + m.name) for m in pkgutil.iter_modules(p.__path__)]\n"
        "print('tensorflow' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
