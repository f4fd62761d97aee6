"""A trained DELF becomes an extractor that `verify` loads."""

import weakref
from pathlib import Path

import cv2
import keras
import numpy as np
import pytest

from delf_verify.extract import DelfConfig, load_extractor
from delf_verify.model import attention_stage, build_delf
from delf_verify.sources import FolderSource
from tfland.config_io import config_from_dict, save_config
from tfland.recognition.delf import fit_delf

Photographs = tuple[Path, list[str]]
CONFIG = DelfConfig(scales=(1.0, 2.0), pca_size=4, max_features=20)


@pytest.fixture(scope="module")
def delf_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a training of task delf_attention leaves, with random weights and a small trunk."""
    folder = tmp_path_factory.mktemp("delf")
    keras.utils.set_random_seed(0)
    x = image = keras.Input((None, None, 3))
    for number in range(3):
        padded = keras.layers.ZeroPadding2D(1, name=f"pad{number}")(x)
        x = keras.layers.Conv2D(8, 3, strides=2, activation="relu", name=f"conv{number}")(padded)
    attention_stage(build_delf(keras.Model(image, x), 3)).save(folder / "model.keras")
    values = {
        "task": "delf_attention",
        "data": {"shards": "none"},
        "model": {"weights": "stage1"},
        "training": {"model_dir": str(folder)},
    }
    save_config(config_from_dict(values), folder / "config.yaml")
    return folder


def test_the_folder_is_an_extractor(delf_dir: Path, photographs: Photographs, tmp_path: Path) -> None:
    folder, ids = photographs
    made = fit_delf(delf_dir, ids, FolderSource(folder), CONFIG, tmp_path / "delf", sample=10)
    loaded = load_extractor(f"delf:{tmp_path / 'delf'}")
    assert loaded.fingerprint == made.fingerprint
    features = loaded.extract(FolderSource(folder).read(ids[0]))
    assert 0 < len(features) <= 20
    assert features.descriptors.shape[1] == 4


def test_neither_order_nor_unreadable_photographs_matter(
    delf_dir: Path, photographs: Photographs, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder, ids = photographs
    source = FolderSource(folder)
    first = fit_delf(delf_dir, ids[:8], source, CONFIG, tmp_path / "a")
    second = fit_delf(delf_dir, [*reversed(ids[:8]), "gone"], source, CONFIG, tmp_path / "b")
    assert first.fingerprint == second.fingerprint
    assert "gone is left out" in caplog.text


def test_holds_few_photographs_in_memory(delf_dir: Path, photographs: Photographs, tmp_path: Path) -> None:
    folder, ids = photographs
    read: list[weakref.ref[np.ndarray]] = []
    alive = []

    class Watched(FolderSource):
        def read(self, image_id: str) -> np.ndarray:
            image = super().read(image_id)
            read.append(weakref.ref(image))
            alive.append(sum(each() is not None for each in read))
            return image

    fit_delf(delf_dir, ids[:8], Watched(folder), CONFIG, tmp_path / "delf")
    assert len(read) == 16  # each once to see whether it can be read
    assert max(alive) <= 3


def test_refusals(delf_dir: Path, model_dir: Path, photographs: Photographs, tmp_path: Path) -> None:
    folder, ids = photographs
    source = FolderSource(folder)
    with pytest.raises(FileNotFoundError, match=r"model.keras is missing"):
        fit_delf(tmp_path, ids, source, CONFIG, tmp_path / "out")
    with pytest.raises(ValueError, match="task 'classify'; an extractor needs task 'delf_attention'"):
        fit_delf(model_dir, ids, source, CONFIG, tmp_path / "out")
    with pytest.raises(ValueError, match="sample is 0"):
        fit_delf(delf_dir, ids, source, CONFIG, tmp_path / "out", sample=0)
    cv2.imwrite(str(tmp_path / "grey.jpg"), np.full((40, 40, 3), 90, np.uint8))
    with pytest.raises(ValueError, match="descriptors"):
        fit_delf(delf_dir, [], FolderSource(tmp_path), CONFIG, tmp_path / "out")
