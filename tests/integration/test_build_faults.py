"""What goes wrong around a build: it says so in a sentence, leaves nothing half-written, and goes on when run again."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
PHOTOGRAPHS = 240
KILLS = 20

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def photographs(tmp_path_factory) -> Path:
    """A folder with train.csv and images/, three landmarks."""
    folder = tmp_path_factory.mktemp("photographs")
    (folder / "images").mkdir()
    lines = ["id,landmark_id"]
    for number in range(PHOTOGRAPHS):
        image_id = f"{number * 0x9E3779B97F4A7C15 % 2**64:016x}"
        coarse = np.random.default_rng(number).integers(0, 256, (60, 80, 3), dtype=np.uint8)
        picture = cv2.resize(coarse, (800, 600), interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(str(folder / "images" / f"{image_id}.jpg"), picture)
        lines.append(f"{image_id},{number % 3}")
    (folder / "train.csv").write_text("\n".join(lines) + "\n")
    return folder


def command(photographs: Path, out: Path, *, images: Path | None = None, workers: int = 2) -> list[str]:
    line = [sys.executable, "-m", "tfrecords_builder", "shards", "--csv", photographs / "train.csv"]
    line += ["--images", images or photographs / "images", "--out", out, "--num-shards", 12, "--max-side", 256]
    return list(map(str, [*line, "--split", "validation=0.25", "--workers", workers]))


def run(line: list[str]) -> subprocess.CompletedProcess:
    return subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=120)


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def wait_for(condition: Callable[[], object], process: subprocess.Popen, limit_s: float = 30) -> None:
    """Waits until something is so, or the process has ended."""
    end = time.monotonic() + limit_s
    while process.poll() is None and not condition() and time.monotonic() < end:
        time.sleep(0.002)


@pytest.fixture(scope="module")
def whole(photographs, tmp_path_factory) -> dict[str, bytes]:
    """What an undisturbed build writes."""
    out = tmp_path_factory.mktemp("whole") / "out"
    done = run(command(photographs, out))
    assert done.returncode == 0, done.stderr
    return contents(out)


def nothing_is_half_written(out: Path) -> bool:
    return not (out / "manifest.json").exists() and not list(out.rglob("*.partial"))


def test_sigkill_at_twenty_random_moments(photographs, whole, tmp_path):
    rng, out, unfinished = np.random.default_rng(0), tmp_path / "out", 0
    for number in range(KILLS):
        process = subprocess.Popen(
            command(photographs, out, workers=1 + number % 2),
            cwd=ROOT,
            stderr=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        # The first tenths are start-up; from the lock on the build writes.
        wait_for((out / ".build/lock").exists, process)
        time.sleep(rng.uniform(0, 1.2))
        os.kill(process.pid, signal.SIGKILL)
        unfinished += process.wait() == -signal.SIGKILL
        if (out / "manifest.json").exists():  # finished before the signal: begin anew
            assert contents(out) == whole
            shutil.rmtree(out)
    assert unfinished >= KILLS // 2
    done = run(command(photographs, out))
    assert done.returncode == 0, done.stderr
    assert contents(out) == whole


@pytest.fixture
def mount(tmp_path) -> Iterator[Callable[..., Path]]:
    """Mounts a small file system of its own; skips where that needs rights that we lack."""
    mounted = []

    def make(name: str, options: str) -> Path:
        point = tmp_path / name
        point.mkdir()
        if os.geteuid() != 0 or shutil.which("mount") is None:
            pytest.skip("only root can mount a file system of a given size")
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", point], capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"cannot mount here: {done.stderr.strip()}")
        mounted.append(point)
        return point

    yield make
    for point in mounted:
        subprocess.run(["umount", "-l", point], check=True)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_full_disk(photographs, whole, mount, workers):
    disk = mount("disk", "size=1500k")
    out = disk / "out"
    line = command(photographs, out, workers=workers)
    done = run(line)
    assert done.returncode == 1
    assert "error: No space left on device: " in done.stderr
    assert str(out) in done.stderr
    assert "make room and run the same command again" in done.stderr
    assert "Traceback" not in done.stderr
    assert nothing_is_half_written(out)
    finished = len(list(out.glob("*.tfrecord")))
    assert 0 < finished < 24
    subprocess.run(["mount", "-o", "remount,size=64m", disk], check=True)
    again = run(line)
    assert again.returncode == 0, again.stderr
    assert "were finished before and are skipped" in again.stderr
    assert contents(out) == whole


def test_a_folder_that_cannot_be_written(photographs, whole, mount):
    disk = mount("disk", "size=64m")
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    line = command(photographs, disk / "out")
    done = run(line)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == f"error: Read-only file system: {disk / 'out'}"
    subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
    assert run(line).returncode == 0
    assert contents(disk / "out") == whole


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("leaves_mount_point", [False, True])
def test_the_image_folder_vanishes_during_the_build(photographs, whole, tmp_path, workers, leaves_mount_point):
    images, out = tmp_path / "images", tmp_path / "out"
    shutil.copytree(photographs / "images", images)
    line = command(photographs, out, images=images, workers=workers)
    process = subprocess.Popen(line, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    wait_for(lambda: list(out.glob("*.tfrecord")), process)
    images.rename(tmp_path / "away")
    if leaves_mount_point:
        images.mkdir()
    message = process.communicate(timeout=60)[1]
    assert process.returncode == 1, message
    assert f"error: the image folder {images} has vanished; bring it back" in message
    assert nothing_is_half_written(out)
    assert run(line).returncode == 1, "it is still away"
    if leaves_mount_point:
        images.rmdir()
    (tmp_path / "away").rename(images)
    again = run(line)
    assert again.returncode == 0, again.stderr
    assert contents(out) == whole
