import csv
import dataclasses
import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tfland.toyworld import ToyworldConfig, generate
from tfland.toyworld.layout import SETTINGS_FILE

ROOT = Path(__file__).parents[3]


def digests(root: Path) -> dict[str, str]:
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def test_bytes_do_not_depend_on_the_number_of_workers(
    tiny_config: ToyworldConfig, tiny_root: Path, tmp_path: Path
) -> None:
    made = generate(tiny_config, tmp_path / "two", workers=2)
    assert made.written == 27 + 14 + 7
    assert made.photographs == {"train": 27, "test": 14, "validation": 7}
    assert digests(tmp_path / "two") == digests(tiny_root)


def test_another_seed_gives_other_photographs(tiny_config: ToyworldConfig, tiny_root: Path, tmp_path: Path) -> None:
    other = generate(dataclasses.replace(tiny_config, seed=4), tmp_path / "other", workers=1)
    images = [{d for name, d in digests(root).items() if name.endswith(".jpg")} for root in (other.root, tiny_root)]
    assert len(images[0]) == len(images[1]) == 48
    assert not images[0] & images[1]


def test_what_is_missing_or_torn_is_made_again(tiny_config: ToyworldConfig, tiny_root: Path, tmp_path: Path) -> None:
    root = generate(tiny_config, tmp_path / "again", workers=1).root
    images = sorted(root.rglob("*.jpg"))
    images[0].unlink()
    images[1].write_bytes(images[1].read_bytes()[:100])
    images[2].write_bytes(b"")
    (root / "train.csv").unlink()
    untouched = images[3].stat().st_mtime_ns
    made = generate(tiny_config, root, workers=1)
    assert (made.written, made.skipped) == (3, 45)
    assert images[3].stat().st_mtime_ns == untouched
    assert digests(root) == digests(tiny_root)


def test_killed_and_run_again(tiny_config: ToyworldConfig, tiny_root: Path, tmp_path: Path) -> None:
    root = tmp_path / "killed"
    program = (
        "from tfland.toyworld import ToyworldConfig, generate\n"
        f"generate(ToyworldConfig(**{dataclasses.asdict(tiny_config)!r}), {str(root)!r}, workers=1)"
    )
    process = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, start_new_session=True)
    deadline = time.monotonic() + 60
    while len(list(root.rglob("*.jpg"))) < 5 and time.monotonic() < deadline:
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    there = len(list(root.rglob("*.jpg")))
    assert 5 <= there < 48, "killed too late to test anything"
    made = generate(tiny_config, root, workers=1)
    assert made.skipped == there
    left_over = {name: digest for name, digest in digests(root).items() if not name.endswith(".partial")}
    assert left_over == digests(tiny_root)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("seed", 4, r"made with other settings: seed 3 \(now 4\); give another folder"),
        ("size", 64, r"made with other settings: size 48 \(now 64\)"),
        ("queries", 15, r"queries 14 \(now 15\)"),
    ],
)
def test_a_folder_never_mixes_two_settings(
    tiny_config: ToyworldConfig, tiny_root: Path, field: str, value: int, message: str
) -> None:
    before = digests(tiny_root)
    with pytest.raises(ValueError, match=message):
        generate(dataclasses.replace(tiny_config, **{field: value}), tiny_root, workers=1)
    assert digests(tiny_root) == before


def test_foreign_folders_are_left_alone(tiny_config: ToyworldConfig, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(ValueError, match=r"is not empty and holds no toyworld.json: give a new or empty folder"):
        generate(tiny_config, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize(("text", "message"), [("{", "is not JSON"), ("[]", "must hold a JSON object, not a list")])
def test_damaged_settings_are_refused(tiny_config: ToyworldConfig, tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / SETTINGS_FILE).write_text(text)
    with pytest.raises(ValueError, match=message):
        generate(tiny_config, tmp_path)


def test_workers_are_at_least_one(tiny_config: ToyworldConfig, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="workers is 0: give at least 1"):
        generate(tiny_config, tmp_path / "none", workers=0)
    assert not (tmp_path / "none").exists()


def test_every_landmark_has_the_photographs_that_the_table_says(tiny_root: Path) -> None:
    with (tiny_root / "train.csv").open(newline="") as file:
        landmarks = [row["landmark_id"] for row in csv.DictReader(file)]
    assert min(landmarks.count(landmark) for landmark in set(landmarks)) == 4


def test_no_tensorflow_is_loaded() -> None:
    program = "import sys, tfland.toyworld, tfland.toyworld.contact_sheet, tfland.cli.toyworld\n"
    program += "print(sorted({'tensorflow', 'keras', 'pandas', 'matplotlib'} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
