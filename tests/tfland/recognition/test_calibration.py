"""Temperature and isotonic curve: what they find, that they keep the order, and their file."""

import json
from pathlib import Path

import numpy as np
import pytest

from tfland.recognition.calibration import Calibration, fit_isotonic, fit_temperature


def log_loss(logits: np.ndarray, labels: np.ndarray, temperature: float) -> float:
    scaled = logits / temperature
    scaled = scaled - scaled.max(axis=1, keepdims=True)
    return float(np.mean(np.log(np.exp(scaled).sum(axis=1)) - scaled[np.arange(len(labels)), labels]))


@pytest.mark.parametrize("wanted", [0.3, 1.0, 2.5])
def test_the_temperature_is_found(wanted: float) -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (4000, 6))
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = (chances.cumsum(axis=1) < rng.random((4000, 1))).sum(axis=1)
    found = fit_temperature(lambda value: log_loss(logits * wanted, labels, value))
    assert found == pytest.approx(wanted, rel=0.05)
    tried = np.geomspace(0.05, 20, 400)
    assert log_loss(logits * wanted, labels, found) <= min(log_loss(logits * wanted, labels, t) for t in tried) + 1e-5


def test_the_curve_is_the_share_of_right_ones() -> None:
    rng = np.random.default_rng(1)
    scores = rng.random(5000)
    corners, heights = fit_isotonic(scores, rng.random(5000) < scores**2)
    calibration = Calibration(system="s", method="head", confidences=corners, probabilities=heights)
    asked = np.array([0.2, 0.5, 0.9])
    assert calibration.apply(asked) == pytest.approx(asked**2, abs=0.06)


@pytest.mark.parametrize("scale", [1.0, 30.0])
def test_the_order_never_changes(scale: float) -> None:
    """An isotonic curve has steps; equal confidences would be ranked by their ids."""
    rng = np.random.default_rng(2)
    scores = scale * (rng.random(300) - 0.3)
    corners, heights = fit_isotonic(scores, rng.random(300) < 0.3)
    calibration = Calibration(system="s", method="ranked", confidences=corners, probabilities=heights)
    asked = np.sort(scale * (rng.random(1000) * 3 - 1))
    calibrated = calibration.apply(asked)
    assert (np.diff(calibrated) > 0).all()
    assert (calibrated >= 0).all()
    assert (calibrated <= 1).all()


@pytest.mark.parametrize("right", [[True], [False], [True, True, True], [False, False]])
def test_degenerate_predictions(right: list[bool]) -> None:
    corners, heights = fit_isotonic(np.full(len(right), 0.4), np.array(right))
    found = Calibration(system="s", method="head", confidences=corners, probabilities=heights).apply(np.array([0.4]))
    assert found == pytest.approx([float(right[0])], abs=1e-4)


def test_without_a_curve_nothing_changes() -> None:
    scores = np.array([0.2, 5.0])
    assert Calibration(system="s", method="head").apply(scores) is scores


def test_the_file_comes_back(tmp_path: Path) -> None:
    one = Calibration(
        system="s",
        method="knn",
        gate_threshold=0.25,
        temperatures=(1.5,),
        confidences=(0.1, 0.2),
        probabilities=(0.3, 1.0),
    )
    assert Calibration.load(one.save(tmp_path)) == one
    plain = Calibration(system="s", method="head")
    assert Calibration.load(plain.save(tmp_path)) == plain


@pytest.mark.parametrize(
    "change", [{"confidences": [0.2, 0.1]}, {"probabilities": [0.9, 0.1]}, {"probabilities": [0.1]}, {"method": None}]
)
def test_a_damaged_file_is_refused(tmp_path: Path, change: dict) -> None:
    path = Calibration(system="s", method="knn", confidences=(0.1, 0.2), probabilities=(0.3, 1.0)).save(tmp_path)
    stored = json.loads(path.read_text()) | change
    if stored["method"] is None:
        del stored["method"]
    path.write_text(json.dumps(stored))
    with pytest.raises(ValueError, match=r"is no calibration .*run `tfland calibrate` again"):
        Calibration.load(path)


def test_nothing_to_fit() -> None:
    with pytest.raises(ValueError, match="0 confidences"):
        fit_isotonic(np.array([]), np.array([], bool))
    with pytest.raises(ValueError, match="not all finite"):
        fit_isotonic(np.array([np.inf]), np.array([True]))
