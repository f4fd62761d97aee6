"""What `tfland calibrate` finds on photographs of one colour, and that it is used."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from delf_verify.reliability import expected_calibration_error, reliability_table
from delf_verify.sources import FolderSource
from tfland.metrics.gap import gap
from tfland.recognition.calibration import CALIBRATION_FILE
from tfland.recognition.predict import predict
from tfland.recognition.system import System
from tfland.recognition.system_config import ClassifierConfig, GateConfig, SystemConfig
from tfland.recognition.system_tuning import _held_out, calibrate
from tfrecords_builder.terminal import Refused

MakeModelDir = Callable[..., Path]
Colourful = tuple[Path, dict[str, int]]


@pytest.fixture
def truth(colourful: Colourful) -> dict[str, frozenset[int]]:
    """Dark photographs show no landmark."""
    return {name: frozenset() if mark == 900 else frozenset([mark]) for name, mark in colourful[1].items()}


@pytest.fixture
def config(make_model_dir: MakeModelDir) -> SystemConfig:
    """A gate and two classifiers, of which the one of fewer classes is far too sure of itself."""
    parts = [make_model_dir("many", [1, 2], sharpness=20), make_model_dir("few", [3, 4, 5], sharpness=2)]
    return SystemConfig(
        gate=GateConfig(model=str(make_model_dir("gate", task="gate")), threshold=None),
        classifiers=[ClassifierConfig(models=(str(part),)) for part in parts],
    )


@pytest.mark.parametrize("kind", ["isotonic", "temperature"])
def test_a_system_is_tuned_and_uses_what_was_found(
    config: SystemConfig, colourful: Colourful, truth: dict[str, frozenset[int]], tmp_path: Path, kind: str
) -> None:
    source, out = FolderSource(colourful[0]), tmp_path / "calibration"
    figures = calibrate(System.load(config), truth, source, out, kind=kind, work=tmp_path / "work")  # type: ignore[arg-type]
    names = {path.name for path in out.iterdir()}
    assert names == {
        CALIBRATION_FILE, "reliability.csv", "reliability.png", "gate_thresholds.csv", "cross_assignment.csv",
        "cross_assignment.png",
    }  # fmt: skip
    stored = json.loads((out / CALIBRATION_FILE).read_text())
    thresholds = pd.read_csv(out / "gate_thresholds.csv")
    allowed = thresholds[thresholds["right_kept"] >= 0.9]
    assert figures["gap_behind_gate"] == pytest.approx(allowed["gap"].max(), abs=1e-5)
    assert figures["gap_behind_gate"] >= max(figures["gap"], figures["gap_behind_gate_at_half"])
    assert {"error", "error_before"} <= set(figures)
    assert 0 < figures["assigned_right"] < 1
    tuned = SystemConfig(gate=config.gate, classifiers=config.classifiers, calibration=str(out / CALIBRATION_FILE))
    system = System.load(tuned)
    assert system.threshold == stored["gate_threshold"]
    table = predict(system, list(truth), source, tmp_path / "tuned").candidates
    assert table["score"].between(0, 1).all()
    found = gap(*(table[name].to_numpy() for name in ("id", "landmark_id", "score")), truth)
    # Isotonic keeps the order; temperatures change which classifier is surer, and were there when the gate was tuned.
    assert found == pytest.approx(figures["gap_behind_gate"])


def test_the_temperature_makes_the_sure_classifier_modest(
    make_model_dir: MakeModelDir, colourful: Colourful, truth: dict[str, frozenset[int]], tmp_path: Path
) -> None:
    """Half of the photographs have the wrong landmark in their solution."""
    config = SystemConfig(classifiers=[ClassifierConfig(models=(str(make_model_dir("a", [1, 2], sharpness=20)),))])
    swapped = {name: frozenset([1]) for name in truth if name.startswith(("p001", "p002"))}
    calibrate(
        System.load(config),
        swapped,
        FolderSource(colourful[0]),
        tmp_path / "c",
        kind="temperature",
        work=tmp_path / "w",
    )
    stored = json.loads((tmp_path / "c" / CALIBRATION_FILE).read_text())
    assert stored["temperatures"][0] > 5
    assert stored["gate_threshold"] is None


def test_the_judged_confidences_are_those_of_the_other_half() -> None:
    rng = np.random.default_rng(3)
    scores = rng.random(3000)
    right = rng.random(3000) < scores**3
    held_out = _held_out(scores, right)
    before, after = (expected_calibration_error(reliability_table(part, right)) for part in (scores, held_out))
    assert after < 0.03 < 0.2 < before
    # A curve through chance alone has nothing to say of the other half.
    chance = _held_out(scores[:40], rng.random(40) < 0.5)
    assert np.isfinite(chance).all()
    assert _held_out(scores[:1], right[:1]) == pytest.approx(right[:1].astype(float), abs=1e-3)


def test_unreadable_photographs_are_listed(
    config: SystemConfig, colourful: Colourful, truth: dict[str, frozenset[int]], tmp_path: Path
) -> None:
    more = {**truth, "gone": frozenset([1])}
    with pytest.raises(Refused, match="1 of 37 photographs could not be read"):
        calibrate(System.load(config), more, FolderSource(colourful[0]), tmp_path / "c", work=tmp_path / "w")
    assert (tmp_path / "c" / CALIBRATION_FILE).exists()
    assert "gone,missing" in (tmp_path / "c" / "refused.csv").read_text()


def test_refusals(config: SystemConfig, colourful: Colourful, truth: dict[str, frozenset[int]], tmp_path: Path) -> None:
    system, source = System.load(config), FolderSource(colourful[0])
    shown = {name: marks for name, marks in truth.items() if marks}
    with pytest.raises(ValueError, match="all 30 validation queries are with a landmark; a gate is tuned on"):
        calibrate(system, shown, source, tmp_path / "c", work=tmp_path / "w")
    with pytest.raises(ValueError, match="none of the 1 validation queries could be read"):
        calibrate(system, {"gone": frozenset([1])}, source, tmp_path / "c", work=tmp_path / "w")
    with pytest.raises(ValueError, match=r"min_right_kept is 1.5; give a share"):
        calibrate(system, truth, source, tmp_path / "c", min_right_kept=1.5, work=tmp_path / "w")
    strange = {name: frozenset([77]) if marks else marks for name, marks in truth.items()}
    with pytest.raises(ValueError, match="no validation query shows a landmark of classifier many"):
        calibrate(system, strange, source, tmp_path / "c", kind="temperature", work=tmp_path / "w")


def test_a_temperature_is_the_heads(make_model_dir: MakeModelDir, colourful: Colourful, tmp_path: Path) -> None:
    from tfland.recognition.embedder import Embedder
    from tfland.recognition.embeddings import Embeddings

    folder = make_model_dir("a", [1, 2])
    embedder, source = Embedder.load(folder), FolderSource(colourful[0])
    vectors = embedder.embed([embedder.fit(source.read(name)) for name in ("p001x4", "p002x4")])
    Embeddings(
        ids=np.array(["p001x4", "p002x4"]),
        landmark_ids=np.array([1, 2]),
        vectors=vectors,
        fingerprint=embedder.fingerprint,
        model=embedder.model,
    ).save(tmp_path / "index")
    part = ClassifierConfig(models=(str(folder),), index=(str(tmp_path / "index"),))
    system = System.load(SystemConfig(classifiers=[part], method="knn"))
    queries = {name: frozenset([mark]) for name, mark in colourful[1].items() if mark in (1, 2)}
    with pytest.raises(ValueError, match='kind is "temperature", which method "head" has; take isotonic for "knn"'):
        calibrate(system, queries, source, tmp_path / "c", kind="temperature", work=tmp_path / "w")
    figures = calibrate(system, queries, source, tmp_path / "c", work=tmp_path / "w")
    assert set(figures) == {"gap", "error"} or set(figures) == {"gap", "error", "error_before"}
