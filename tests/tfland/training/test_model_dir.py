"""A model directory is finished or it is not."""

from pathlib import Path

import keras
import numpy as np
import pytest

from tfland.config import DataConfig, ExperimentConfig, TrainingConfig
from tfland.data.labels import LabelMap
from tfland.training import model_dir

LABELS = LabelMap(landmark_ids=np.array([3, 7]), images=np.array([1, 2]))
METRICS = {"epochs": [{"epoch": 1, "train_loss": 1.0, "train_top1": 0.5}], "num_steps": 1}


def network() -> keras.Model:
    image = keras.Input((2,))
    return keras.Model(image, keras.layers.Dense(2)(image))


def test_a_written_folder_is_finished(tmp_path: Path) -> None:
    config = ExperimentConfig(data=DataConfig(shards="s"), training=TrainingConfig(model_dir=str(tmp_path)))
    assert model_dir.read_metrics(tmp_path) is None
    saved = network()
    model_dir.write_model(tmp_path, config, LABELS, saved, METRICS)
    assert model_dir.read_metrics(tmp_path) == METRICS
    loaded = keras.saving.load_model(tmp_path / model_dir.MODEL_FILE, compile=False)
    assert model_dir.weights_digest(loaded) == model_dir.weights_digest(saved)
    assert not list(tmp_path.glob(".*"))


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
