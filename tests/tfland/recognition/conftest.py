"""An untrained classifier as a folder, and photographs for it."""

from collections.abc import Callable, Sequence
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


# Landmarks whose photographs have one colour, RGB; 900 is none, its photographs are dark.
COLOURS = {
    1: (220, 60, 60),
    2: (60, 220, 60),
    3: (60, 60, 220),
    4: (220, 220, 60),
    5: (60, 220, 220),
    900: (20, 20, 20),
}
MakeModelDir = Callable[..., Path]


@pytest.fixture
def make_model_dir(tmp_path: Path) -> MakeModelDir:
    """Makes model directories of networks that need no training: make_model_dir("a", [1, 2], sharpness=4).

    The embedding is the mean colour; the head compares it with the landmarks' colours. A gate asks how bright it is.
    """
    import keras

    from tfland.config_io import config_from_dict, save_config
    from tfrecords_builder import schema

    def make(name: str, landmarks: Sequence[int] = (), *, sharpness: float = 4.0, task: str = "classify") -> Path:
        folder = tmp_path / name
        folder.mkdir()
        image = keras.Input((None, None, 3))
        mean = keras.layers.GlobalAveragePooling2D()(image)
        colour = keras.layers.Rescaling(1 / 127.5, -1.0, name="colour")(mean)
        embedding = keras.layers.Activation("linear", name="embedding")(colour)
        logits = keras.layers.Dense(len(landmarks) or 2, name="logits")
        model = keras.Model(image, {"embedding": embedding, "logits": logits(embedding)})
        if task == "gate":
            logits.set_weights([np.array([[0, 5]] * 3, np.float32), np.array([0, 9], np.float32)])
        else:
            points = np.array([COLOURS[mark] for mark in landmarks], np.float32) / 127.5 - 1
            logits.set_weights([sharpness * points.T, -sharpness / 2 * (points**2).sum(axis=1)])
        model.save(folder / "model.keras")
        values = {"task": task, "data": {"shards": "s", "image_size": 32}, "training": {"model_dir": str(folder)}}
        save_config(config_from_dict(values), folder / "config.yaml")
        rows = [f"{label},{mark},9" for label, mark in enumerate(landmarks or (0, 1))]
        (folder / schema.LABELS_FILE).write_text("\n".join(["label,landmark_id,images", *rows]) + "\n")
        return folder

    return make


@pytest.fixture(scope="session")
def colourful(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, int]]:
    """A folder with six photographs of each colour, a little apart, and the landmark of each; do not change it."""
    folder, landmarks = tmp_path_factory.mktemp("colourful"), {}
    rng = np.random.default_rng(5)
    for landmark, colour in COLOURS.items():
        for number in range(6):
            name = f"p{landmark:03d}x{number}"
            pixels = np.clip(np.array(colour) + rng.normal(0, 12, 3), 0, 255).astype(np.uint8)
            cv2.imwrite(str(folder / f"{name}.png"), np.full((40, 44, 3), pixels[::-1]))
            (folder / f"{name}.png").rename(folder / f"{name}.jpg")
            landmarks[name] = landmark
    return folder, landmarks
