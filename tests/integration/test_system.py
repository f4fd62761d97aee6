"""configs/seed000_system.yaml in small, by commands: gate, two classifiers by class size, predict, calibrate, score."""

import dataclasses
import json
from pathlib import Path

import pandas as pd
import pytest
import yaml

from tfrecords_builder.terminal import run_app

pytestmark = pytest.mark.slow

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
SMALL = [
    "data.image_size=48", "data.crop=shift", "data.shift_pixels=4", "data.flip=false", "model.backbone=resnet18",
    "model.weights=none", "optimizer.backbone_rate=1", "schedule.learning_rate=0.01", "training.epochs=8",
    "training.batch_size=16", "training.precision=float32",
]  # fmt: skip


def call(*arguments: object) -> None:
    from tfland.cli.main import app

    assert run_app(app, [str(argument) for argument in arguments]) == 0, arguments


@pytest.fixture
def small_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes "resnet18" a network of four layers."""
    import keras

    from tfland.models.backbones import BACKBONES

    def network(_weights: str | None) -> keras.Model:
        x = image = keras.Input((None, None, 3))
        for number in range(4):
            x = keras.layers.Conv2D(24, 3, strides=2, padding="same", name=f"conv{number}")(x)
            x = keras.layers.BatchNormalization(momentum=0.8, name=f"norm{number}")(x)
            x = keras.layers.ReLU(name=f"out{number}")(x)
        return keras.Model(image, x)

    spec = dataclasses.replace(BACKBONES["resnet18"], construct=network, channels=24, first_layer="conv0")
    monkeypatch.setitem(BACKBONES, "resnet18", spec)


@pytest.mark.usefixtures("small_network")
def test_seed_000_as_a_whole(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    world, runs = tmp_path / "world", tmp_path / "runs"
    call("toyworld", "--out", world, "--landmarks", 6, "--images", 160, "--queries", 60, "--size", 96, "--seed", 3)
    call("toyworld", "--out", tmp_path / "other", "--landmarks", 2, "--images", 8, "--queries", 80,
         "--distractor-share", 1, "--size", 96, "--seed", 4)  # fmt: skip
    sizes = pd.read_csv(world / "train.csv")["landmark_id"].value_counts()
    bins = [int(sizes.iloc[2]), int(sizes.min())]
    call(
        "build", "select", "--csv", world / "train.csv", "--bins", ",".join(map(str, bins)), "--out", tmp_path / "bins"
    )
    tables = sorted((tmp_path / "bins").glob("*.csv"))
    assert len(tables) == 2
    build = ["--num-shards", 1, "--split", "train=0.8", "--split", "validation=0.2"]
    for number, table in enumerate(tables):
        shards = tmp_path / f"shards{number}"
        call("build", "shards", "--csv", table, "--images", world / "train", "--out", shards, *build)
        call("train", "--config", CONFIGS / "seed000_efficientnet_arcface.yaml", f"data.shards={shards}",
             f"training.model_dir={runs / str(number)}", *SMALL, "model.embedding_size=32")  # fmt: skip
    negatives = tmp_path / "negatives"
    other = tmp_path / "other"
    call("build", "shards", "--csv", other / "test.csv", "--images", other / "test", "--out", negatives, *build)
    call("train", "--config", CONFIGS / "seed000_gate.yaml", f"data.shards={tmp_path / 'shards0'}",
         f"data.negative_shards={negatives}", f"training.model_dir={runs / 'gate'}", *SMALL)  # fmt: skip
    assert json.loads((runs / "gate/metrics.json").read_text())["best"]["validation_auc"] > 0.6

    values = yaml.safe_load((CONFIGS / "seed000_system.yaml").read_text())
    values["gate"]["model"] = str(runs / "gate")
    values["classifiers"] = [{"models": [str(runs / "0")]}, {"models": [str(runs / "1")]}]
    system, calibration = tmp_path / "system.yaml", tmp_path / "calibration"
    system.write_text(yaml.safe_dump(values))
    call("calibrate", "--system", system, "--images", world / "validation", "--solution",
         world / "validation_solution.csv", "--out", calibration)  # fmt: skip
    assert {path.name for path in calibration.iterdir()} == {
        "calibration.json", "reliability.csv", "reliability.png", "gate_thresholds.csv", "cross_assignment.csv",
        "cross_assignment.png",
    }  # fmt: skip
    gaps = {}
    for name, gate, fitted in (("open", False, False), ("paper", True, False), ("calibrated", True, True)):
        changed = dict(values) if gate else {**values, "gate": None}
        if fitted:
            changed["gate"] = {**values["gate"], "threshold": None}
            changed["calibration"] = str(calibration / "calibration.json")
        system.write_text(yaml.safe_dump(changed))
        out = tmp_path / f"{name}.csv"
        call("predict", "--system", system, "--csv", world / "test.csv", "--images", world / "test", "--out", out)
        capsys.readouterr()
        call("score", "--predictions", out, "--solution", world / "solution.csv", "--json")
        gaps[name] = json.loads(capsys.readouterr().out)["gap"]
        assert pd.read_csv(out)["id"].tolist() == pd.read_csv(world / "test.csv")["id"].tolist()
    assert 0 < gaps["open"] < 1
    assert gaps["paper"] > 0
    scores = pd.read_csv(tmp_path / "calibrated.csv")["landmarks"].dropna().str.split().str[1].astype(float)
    assert scores.between(0, 1).all()
    assert pd.read_csv(tmp_path / "paper.csv")["landmarks"].isna().any()
