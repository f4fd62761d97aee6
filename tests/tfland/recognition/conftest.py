"""An untrained classifier as a folder, and photographs for it."""

from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

if TYPE_CHECKING:
    from tfland.recognition.classifier import Classifier
    from tfland.recognition.system import System

SIZE = 48


@pytest.fixture(scope="session")
def model_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `tfland train` leaves, with random weights."""
    import keras

    from tfland.config import ModelConfig
    from tfland.config_io import config_from_dict, save_config
    from tfland.models.build import build_model
    from tfrecords_builder import schema

    folder = tmp_path_factory.mktemp("model")
    keras.utils.set_random_seed(0)
    config = config_from_dict(
        {
            "data": {"shards": "none", "image_size": SIZE},
            "model": {"backbone": "efficientnet_b0"},
            "training": {"model_dir": str(folder)},
        }
    )
    build_model(ModelConfig(backbone="efficientnet_b0"), 3, SIZE).save(folder / "model.keras")
    save_config(config, folder / "config.yaml")
    (folder / schema.LABELS_FILE).write_text("label,landmark_id,images\n0,5,1\n1,70,1\n2,900,1\n")
    return folder


@pytest.fixture(scope="session")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A flat folder of 40 photographs and their ids; more than one batch."""
    folder, ids = tmp_path_factory.mktemp("photographs"), [f"{n:016x}" for n in range(40)]
    rng = np.random.default_rng(0)
    for name in ids:
        image = cv2.resize(rng.integers(0, 255, (6, 6, 3), np.uint8), (70, 50), interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(str(folder / f"{name}.jpg"), image)
    return folder, ids


@pytest.fixture(scope="session")
def classifier(model_dir: Path) -> "Classifier":
    """The same, opened."""
    from tfland.recognition.classifier import Classifier

    return Classifier.load(model_dir)


@pytest.fixture(scope="session")
def system(classifier: "Classifier") -> "System":
    """The system that is this classifier alone."""
    from tfland.recognition.system import System

    return System.of(classifier)
