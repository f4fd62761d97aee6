"""A model directory is opened whole or refused."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tfland.recognition.classifier import Classifier


def test_probabilities_add_up_and_do_not_depend_on_the_batch(model_dir: Path) -> None:
    classifier = Classifier.load(model_dir)
    images = np.random.default_rng(0).integers(0, 255, (4, 48, 48, 3), np.uint8)
    together = classifier.probabilities(images)
    assert together.shape == (4, 3)
    assert together.sum(axis=1) == pytest.approx(np.ones(4), abs=1e-5)
    alone = np.concatenate([classifier.probabilities(image[None]) for image in images])
    assert together == pytest.approx(alone, abs=1e-5)


def test_fit_has_the_networks_size(model_dir: Path) -> None:
    photograph = np.random.default_rng(0).integers(0, 255, (90, 31, 3), np.uint8)
    fitted = Classifier.load(model_dir).fit(photograph)
    assert (fitted.shape, fitted.dtype) == ((48, 48, 3), np.uint8)


@pytest.mark.slow
def test_a_fresh_process_opens_it(model_dir: Path) -> None:
    """Keras finds our layers only if somebody imported them."""
    program = (
        "from pathlib import Path; from tfland.recognition.classifier import Classifier; "
        f"print(Classifier.load(Path({str(model_dir)!r})).labels.landmark_ids.tolist())"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert "[5, 70, 900]" in result.stdout, result.stderr[-2000:]


@pytest.mark.parametrize("name", ["model.keras", "config.yaml", "labels.csv"])
def test_a_missing_file_is_named(model_dir: Path, tmp_path: Path, name: str) -> None:
    copy = shutil.copytree(model_dir, tmp_path / "copy")
    (copy / name).unlink()
    with pytest.raises(FileNotFoundError, match=f"{name} is missing"):
        Classifier.load(copy)


def test_labels_of_another_model_are_refused(model_dir: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(model_dir, tmp_path / "copy")
    (copy / "labels.csv").write_text("label,landmark_id,images\n0,5,1\n1,70,1\n")
    with pytest.raises(ValueError, match=r"3 classes in model.keras, 2 in labels.csv"):
        Classifier.load(copy)


def test_a_delf_is_no_classifier(model_dir: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(model_dir, tmp_path / "copy")
    text = (copy / "config.yaml").read_text().replace("task: classify", "task: delf_descriptors")
    (copy / "config.yaml").write_text(text)
    with pytest.raises(ValueError, match="task 'delf_descriptors'; predictions need task 'classify'"):
        Classifier.load(copy)
