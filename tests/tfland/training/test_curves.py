"""curves.png."""

from pathlib import Path

import cv2
import numpy as np

from tfland.training.curves import write_curves

EPOCHS = [
    {"epoch": 1, "step": 5, "train_loss": 2.0, "train_top1": 0.25, "learning_rate": 0.1},
    {"epoch": 2, "step": 10, "train_loss": 1.0, "train_top1": 0.5, "validation_loss": 1.5, "validation_gap": 0.375},
]


def picture(path: Path) -> np.ndarray:
    return cv2.imread(str(path))


def test_curves_are_a_picture_and_the_same_each_time(tmp_path: Path) -> None:
    write_curves(EPOCHS, tmp_path / "a.png")
    write_curves(EPOCHS, tmp_path / "b.png")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    pixels = picture(tmp_path / "a.png")
    assert pixels.shape == (650, 1000, 3)
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 10


def test_the_best_model_is_marked(tmp_path: Path) -> None:
    write_curves(EPOCHS, tmp_path / "a.png")
    write_curves(EPOCHS, tmp_path / "b.png", EPOCHS[1])
    assert (picture(tmp_path / "a.png") != picture(tmp_path / "b.png")).any()


def test_a_run_without_validation_has_curves_too(tmp_path: Path) -> None:
    write_curves(EPOCHS[:1], tmp_path / "a.png")
    assert picture(tmp_path / "a.png").shape == (650, 1000, 3)
