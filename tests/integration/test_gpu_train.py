"""benchmarks/gpu_train.py runs: on a CPU, through JAX, at a size that shows no more than that."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_our_side_trains_on_jax_in_bfloat16(tmp_path: Path) -> None:
    line = [sys.executable, ROOT / "benchmarks/gpu_train.py", "--models", "resnet18", "--peer", "none"]
    line += ["--batch-size", 2, "--image-size", 32, "--classes", 20, "--steps", 1, "--rounds", 1]
    done = subprocess.run(
        [*map(str, line), "--json", str(tmp_path / "figures.json")],
        env={**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures["results"]["resnet18"]["tfland, Keras on JAX"] > 0
