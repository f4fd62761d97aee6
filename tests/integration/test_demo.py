"""`tfland demo` as a user runs it, on a small toyworld: everything is real, only less of it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SMALL = """
seed: 3
toyworld: {landmarks: 5, images: 150, queries: 60, distractor_share: 0.5, size: 192, seed: 3}
max_side: 192
extractors: [delf, sift]
index_images: 8
classifier:
  data: {image_size: 64, crop: random_resized, crop_area_min: 0.5, flip: false, rotation_degrees: 5}
  model: {backbone: resnet18}
  optimizer: {name: adamw, weight_decay: 0.01}
  schedule: {name: cosine, learning_rate: 0.001}
  training: {epochs: 6, batch_size: 16}
delf_descriptors:
  data: {image_size: 64, crop: none, flip: false, rotation_degrees: 0}
  model: {backbone: resnet18}
  training: {epochs: 1, batch_size: 16}
delf_attention:
  data: {image_size: 64, crop: none, flip: false, rotation_degrees: 0}
  model: {backbone: resnet18}
  training: {epochs: 1, batch_size: 16}
delf: {scales: [1.0, 1.4142], max_features: 200}
"""

pytestmark = pytest.mark.slow


def demo(config: Path, out: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tfland", "demo", "--config", str(config), "--out", str(out)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=900)


def test_demo(tmp_path: Path) -> None:
    config, out = tmp_path / "small.yaml", tmp_path / "run"
    config.write_text(SMALL)
    result = demo(config, out)
    assert result.returncode == 0, result.stderr[-3000:]
    assert "GAP of the classifier alone" in result.stdout
    summary = json.loads((out / "summary.json").read_text())
    for name in ("gap_classifier", "gap_verified", "distractors_rejected", "true_kept"):
        assert 0 <= summary[name] <= 1
    # Five classes, the largest of which holds about half of the photographs.
    assert summary["top1"] > 0.5
    assert summary["extractor"] in ("delf", "sift")
    assert Path(summary["report"]).is_file()
    assert result.stdout.rstrip().endswith(summary["report"])

    again = demo(config, out)
    assert again.returncode == 0, again.stderr[-3000:]
    assert "done by an earlier run, skipped" in again.stderr
    repeated = json.loads((out / "summary.json").read_text())
    same = {"gap_classifier", "gap_verified", "gap_gain", "distractors_rejected", "true_kept", "top1", "seconds"}
    assert {name: repeated[name] for name in same} == {name: summary[name] for name in same}


def test_a_bad_configuration_dies_before_the_first_photograph(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text(SMALL.replace("epochs: 6", "epochs: 0"))
    result = demo(tmp_path / "bad.yaml", tmp_path / "run")
    assert result.returncode == 2
    assert "epochs" in result.stderr
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "run" / "photographs").exists()
