"""The extractor's folder: what is refused when it is damaged."""

from pathlib import Path

import keras
import numpy as np
import pytest

from delf_verify import delf_files
from delf_verify.model import build_delf, extraction_model
from delf_verify.pca import Pca
from delf_verify.pyramid import DelfConfig
from tfrecords_builder.terminal import CheckFailed

CONFIG = DelfConfig(pca_size=2)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    image = keras.Input((None, None, 3), name="image")
    trunk = keras.Model(image, keras.layers.Conv2D(4, 3, name="conv")(image))
    pca = Pca.fit(np.random.default_rng(0).normal(size=(9, 4)), 2)
    delf_files.write(tmp_path / "delf", extraction_model(build_delf(trunk, 2)), pca, CONFIG)
    return tmp_path / "delf"


def test_reads_what_it_wrote(folder: Path) -> None:
    config, content = delf_files.read_description(folder)
    assert config == CONFIG
    assert content == (folder / "delf.yaml").read_bytes()
    assert set(delf_files.read_model(folder).output) == {"descriptors", "attention"}
    assert sorted(path.name for path in folder.iterdir()) == ["delf.yaml", "model.keras", "pca.npz"]


@pytest.mark.parametrize("name", ["delf.yaml", "model.keras", "pca.npz"])
def test_refuses_a_folder_without_one_of_its_files(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(FileNotFoundError, match=f"no {name} in .*; give the folder of a fitted DELF extractor"):
        delf_files.read_description(folder)


@pytest.mark.parametrize("name", ["model.keras", "pca.npz"])
def test_refuses_a_file_of_another_fit(folder: Path, name: str) -> None:
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(CheckFailed, match=f"{name} is not the file that delf.yaml names: fit the extractor again"):
        delf_files.read_description(folder)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("max_features: 1000", "max_features: 0"),
        ("max_features: 1000", "max_features: many"),
        ("max_features", "most_features"),
        ("sha256:", "md5:"),
        ("config:", "config: ]"),
        ("format: 1", "format: !!python/object/apply:os.system ['true']"),
    ],
)
def test_refuses_a_description_that_is_none(folder: Path, old: str, new: str) -> None:
    path = folder / "delf.yaml"
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(ValueError, match=r"delf\.yaml does not describe a DELF extractor"):
        delf_files.read_description(folder)


@pytest.mark.parametrize("content", ["", "1", "[1, 2]", "\x00"])
def test_refuses_an_empty_or_foreign_description(folder: Path, content: str) -> None:
    (folder / "delf.yaml").write_text(content)
    with pytest.raises(ValueError, match=r"delf\.yaml does not describe a DELF extractor"):
        delf_files.read_description(folder)


def test_refuses_another_format(folder: Path) -> None:
    path = folder / "delf.yaml"
    path.write_text(path.read_text().replace("format: 1", "format: 2"))
    with pytest.raises(ValueError, match="has format 2; this version reads 1: fit the extractor again"):
        delf_files.read_description(folder)


def test_refuses_a_model_of_another_kind(folder: Path) -> None:
    vector = keras.Input((3,))
    keras.Model(vector, keras.layers.Dense(2)(vector)).save(folder / "model.keras")
    with pytest.raises(ValueError, match=r"model\.keras is no DELF: its outputs are"):
        delf_files.read_model(folder)
