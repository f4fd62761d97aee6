"""A model directory is finished or it is not."""

from pathlib import Path

import keras
import numpy as np
import pytest

from tfland.config import DataConfig, ExperimentConfig, TrainingConfig
from tfland.data.labels import LabelMap
from tfland.training import model_dir

LABELS = LabelMap(landmark_ids=np.array([3, 7]), images=np.array([1, 2]))
LAST = {"epoch": 1, "step": 1, "train_loss": 1.0, "train_top1": 0.5}
METRICS = {"epochs": [LAST], "best": LAST, "num_steps": 1}


def network() -> keras.Model:
    image = keras.Input((2,))
    return keras.Model(image, keras.layers.Dense(2)(image))


def test_a_written_folder_is_finished(tmp_path: Path) -> None:
    config = ExperimentConfig(data=DataConfig(shards="s"), training=TrainingConfig(model_dir=str(tmp_path)))
    assert model_dir.read_metrics(tmp_path) is None
    saved = network()
    digest = model_dir.weights_digest(saved)
    written = model_dir.write_model(tmp_path, config, LABELS, saved, METRICS)
    assert written == {**METRICS, "weights_sha256": digest, "last_weights_sha256": digest}
    assert model_dir.read_metrics(tmp_path) == written
    loaded = keras.saving.load_model(tmp_path / model_dir.MODEL_FILE, compile=False)
    assert model_dir.weights_digest(loaded) == model_dir.weights_digest(saved)
    assert not list(tmp_path.glob(".*"))


def test_the_best_and_the_last_model_are_written(tmp_path: Path) -> None:
    config = ExperimentConfig(data=DataConfig(shards="s"), training=TrainingConfig(model_dir=str(tmp_path)))
    (tmp_path / model_dir.CHECKPOINTS_FOLDER).mkdir()
    best, last = network(), network()
    digests = [model_dir.weights_digest(model) for model in (best, last)]
    for step in (1, 2, 3):
        model_dir.save_network(best, model_dir.best_file(tmp_path, step))
    model_dir.keep_best(tmp_path, 1)
    assert [path.name for path in (tmp_path / model_dir.CHECKPOINTS_FOLDER).iterdir()] == ["best-1.keras"]
    metrics = {"epochs": [LAST, {**LAST, "step": 2}], "best": LAST}
    written = model_dir.write_model(tmp_path, config, LABELS, last, metrics)
    files = [tmp_path / model_dir.MODEL_FILE, tmp_path / model_dir.LAST_FILE]
    loaded = [keras.saving.load_model(path, compile=False) for path in files]
    assert [model_dir.weights_digest(model) for model in loaded] == digests
    assert [written["weights_sha256"], written["last_weights_sha256"]] == digests
    assert digests[0] != digests[1]
    model_dir.keep_best(tmp_path, None)
    assert not list((tmp_path / model_dir.CHECKPOINTS_FOLDER).iterdir())


def test_without_its_model_a_folder_is_not_finished(tmp_path: Path) -> None:
    (tmp_path / model_dir.METRICS_FILE).write_text("{}")
    assert model_dir.read_metrics(tmp_path) is None


@pytest.mark.parametrize("index", [0, 1])
def test_the_digest_sees_one_bit(index: int) -> None:
    model = network()
    before = model_dir.weights_digest(model)
    weights = model.get_weights()
    weights[index].flat[0] = np.nextafter(weights[index].flat[0], np.float32(9))
    model.set_weights(weights)
    assert model_dir.weights_digest(model) != before
