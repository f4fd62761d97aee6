"""A verification that is killed by SIGKILL again and again ends with the bytes of one that was left alone."""

import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = ("verified.csv", "verified.parquet", "reranked.csv", "evidence.csv", "refused.csv", "verify.json")
# Small shards and parts, so that there is much to die in between; the results do not depend on them.
PROGRAM = """
import sys
from delf_verify import comparison_plan, verify
from delf_verify.cli import app
from tfrecords_builder.terminal import run_app
if __name__ == "__main__":
    verify._IMAGES_PER_SHARD, comparison_plan._PAIRS_PER_PART = 2, 3
    sys.exit(run_app(app, sys.argv[1:]))
"""


def start(world: SimpleNamespace, program: Path, out: Path, workers: int) -> subprocess.Popen:
    command = [sys.executable, program, "verify", "--predictions", world.predictions, "--queries", world.queries]
    command += ["--index-csv", world.index_csv, "--index-images", world.index, "--out", out, "--workers", workers]
    return subprocess.Popen([str(part) for part in command], cwd=ROOT, stderr=subprocess.DEVNULL)


def written(out: Path) -> frozenset[str]:
    return frozenset(str(path) for path in out.rglob("*") if not path.name.endswith(".partial"))


def killed(process: subprocess.Popen, out: Path, changes: int, wait: float) -> bool:
    """Kills the process after so many new or vanished files and a moment more; whether it still lived."""
    seen, count = written(out), 0
    while process.poll() is None and count < changes:
        now = written(out)
        count, seen = count + len(now ^ seen), now
    time.sleep(wait)
    alive = process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait(60)
    return alive


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_killed_again_and_again(verify_world: SimpleNamespace, tmp_path: Path, workers: int) -> None:
    program, generator = tmp_path / "program.py", np.random.default_rng(workers)
    program.write_text(PROGRAM)
    assert start(verify_world, program, tmp_path / "whole", 1).wait(300) == 0
    out, kills = tmp_path / "out", 0
    for _ in range(6):
        process = start(verify_world, program, out, workers)
        kills += killed(process, out, int(generator.integers(1, 9)), float(generator.uniform(0, 0.03)))
    assert kills >= 4
    assert start(verify_world, program, out, workers).wait(300) == 0
    for name in FILES:
        assert (out / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name
    assert not list(out.glob("parts-*"))
