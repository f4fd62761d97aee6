"""The fitted extractor: its folder, its determinism, its independence of tfland."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from delf_verify.extract import DelfConfig, DelfExtractor, fit_extractor, load_extractor
from delf_verify.features import Extractor
from delf_verify.model import attention_stage, build_delf, extraction_model
from delf_verify.sift import RootSift, SiftConfig

ROOT = Path(__file__).resolve().parents[2]
CONFIG = DelfConfig(scales=(0.5, 1.0), max_features=60, pca_size=4, min_side=16)


def tiny_delf(seed: int = 0) -> keras.Model:
    keras.utils.set_random_seed(seed)
    x = image = keras.Input((None, None, 3), name="image")
    x = keras.layers.Rescaling(1 / 127.5, -1.0, name="preprocessing")(x)
    x = keras.layers.ZeroPadding2D(3, name="pad")(x)
    x = keras.layers.Conv2D(8, 7, strides=4, activation="relu", name="conv")(x)
    return attention_stage(build_delf(keras.Model(image, x, name="tiny"), num_classes=2))


def photographs(count: int = 5, size: int = 48) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (size, size + 8 * i, 3)).astype(np.uint8) for i in range(count)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("delf") / "fitted"
    fit_extractor(tiny_delf(), photographs(), CONFIG, path)
    return path


def test_extracts_projected_features_of_unit_length(folder: Path) -> None:
    extractor = DelfExtractor.load(folder)
    assert isinstance(extractor, Extractor)
    assert extractor.config == CONFIG
    features = extractor.extract(photographs()[1])
    assert features.descriptors.shape == (60, 4)
    np.testing.assert_allclose(np.linalg.norm(features.descriptors, axis=1), 1, rtol=1e-5)


def test_descriptors_are_normalised_projected_normalised(folder: Path) -> None:
    """L2 -> PCA -> L2 by hand, from the model's own map at scale 1."""
    extractor, image = DelfExtractor.load(folder), photographs()[0]
    pca = np.load(folder / "pca.npz")
    features = extractor.extract(image)
    outputs = extraction_model(keras.models.load_model(folder / "model.keras"))(image[None])
    rows = np.flatnonzero(features.scales == 1)
    assert len(rows)
    for row in rows:
        i, j = (features.locations_yx[row] / 4).astype(int)
        raw = np.asarray(outputs["descriptors"])[0, i, j].astype(float)
        projected = (raw / np.linalg.norm(raw) - pca["mean"]) @ pca["components"]
        expected = projected / np.linalg.norm(projected)
        np.testing.assert_allclose(features.descriptors[row], expected, atol=1e-4)
        assert features.scores[row] == pytest.approx(float(np.asarray(outputs["attention"])[0, i, j, 0]), rel=1e-5)


def test_extracting_twice_gives_the_same_bits(folder: Path) -> None:
    first, second = (DelfExtractor.load(folder).extract(photographs()[2]) for _ in range(2))
    np.testing.assert_array_equal(first.descriptors, second.descriptors)
    np.testing.assert_array_equal(first.locations_yx, second.locations_yx)


def test_an_image_without_features_has_the_projected_width(folder: Path) -> None:
    assert DelfExtractor.load(folder).extract(np.zeros((1, 1, 3), np.uint8)).descriptors.shape == (0, 4)


def test_fitting_again_writes_the_same_bytes_and_fingerprint(folder: Path, tmp_path: Path) -> None:
    again = fit_extractor(tiny_delf(), photographs(), CONFIG, tmp_path)
    for name in ("model.keras", "pca.npz", "delf.yaml"):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()
    assert again.fingerprint == DelfExtractor.load(folder).fingerprint


def test_settings_weights_and_sample_change_the_fingerprint(folder: Path, tmp_path: Path) -> None:
    fingerprints = {DelfExtractor.load(folder).fingerprint}
    other_config = DelfConfig(scales=(0.5, 1.0), max_features=61, pca_size=4, min_side=16)
    fingerprints.add(fit_extractor(tiny_delf(), photographs(), other_config, tmp_path / "a").fingerprint)
    fingerprints.add(fit_extractor(tiny_delf(1), photographs(), CONFIG, tmp_path / "b").fingerprint)
    fingerprints.add(fit_extractor(tiny_delf(), photographs(3), CONFIG, tmp_path / "c").fingerprint)
    assert len(fingerprints) == 4


def test_whitening_is_kept_in_the_folder_and_in_the_fingerprint(folder: Path, tmp_path: Path) -> None:
    plain, config = DelfExtractor.load(folder), replace(CONFIG, pca_whiten=True)
    fit_extractor(tiny_delf(), photographs(), config, tmp_path)
    whitened, image = DelfExtractor.load(tmp_path), photographs()[1]
    assert whitened.config.pca_whiten
    assert whitened.fingerprint != plain.fingerprint
    before, after = plain.extract(image), whitened.extract(image)
    np.testing.assert_array_equal(after.locations_yx, before.locations_yx)
    # The length that L2 took away is the same factor for every number of a row.
    expected = before.descriptors / np.sqrt(np.load(folder / "pca.npz")["variances"])
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(after.descriptors, expected, atol=1e-4)


def test_every_image_gives_an_even_share_of_the_sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from delf_verify.pca import Pca

    counts = []
    fit = Pca.fit
    monkeypatch.setattr(Pca, "fit", lambda rows, size, **how: counts.append(len(rows)) or fit(rows, size, **how))
    config = DelfConfig(scales=(1.0,), pca_size=4, pca_samples=50, min_side=16)
    fit_extractor(tiny_delf(), photographs(5), config, tmp_path)
    assert counts == [50]


def test_refuses_a_sample_that_is_too_small(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="0 descriptors are too few for 4 dimensions"):
        fit_extractor(tiny_delf(), [], CONFIG, tmp_path)
    assert not list(tmp_path.iterdir())


def test_loads_by_name(folder: Path) -> None:
    assert load_extractor(f"delf:{folder}").fingerprint == DelfExtractor.load(folder).fingerprint
    assert load_extractor("sift").fingerprint.startswith("rootsift")
    assert load_extractor("sift:oriented").fingerprint == RootSift(SiftConfig(upright=False)).fingerprint


@pytest.mark.parametrize("spec", ["surf", "delf", "delf:", "", "sift:1"])
def test_refuses_an_unknown_name(spec: str) -> None:
    with pytest.raises(ValueError, match=f"unknown features '{spec}'; give 'sift', 'sift:oriented', 'delf:DIR'"):
        load_extractor(spec)


def extract_elsewhere(folder: Path, out: Path, backend: str, blocked: tuple[str, ...]) -> np.ndarray:
    """Descriptors of a photograph from another process in which some modules cannot be imported."""
    program = f"""
import importlib.abc, sys
class Block(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {blocked!r}:
            raise ModuleNotFoundError("blocked: " + name)
sys.meta_path.insert(0, Block())
import numpy as np
from delf_verify.extract import load_extractor
load_extractor("sift")
assert "keras" not in sys.modules, "sift needs no network"
features = load_extractor("delf:" + sys.argv[1]).extract(np.load(sys.argv[2] + "/image.npy"))
np.save(sys.argv[2] + "/descriptors.npy", features.descriptors)
"""
    np.save(out / "image.npy", photographs()[0])
    settings = {"env": {**os.environ, "KERAS_BACKEND": backend}, "cwd": ROOT, "capture_output": True, "text": True}
    result = subprocess.run(
        [sys.executable, "-c", program, str(folder), str(out)], check=False, timeout=300, **settings
    )
    assert result.returncode == 0, result.stderr[-3000:]
    return np.load(out / "descriptors.npy")


@pytest.mark.slow
def test_loads_where_tfland_is_missing(folder: Path, tmp_path: Path) -> None:
    expected = DelfExtractor.load(folder).extract(photographs()[0]).descriptors
    found = extract_elsewhere(folder, tmp_path, "tensorflow", ("tfland", "keras_hub"))
    np.testing.assert_array_equal(found, expected)


@pytest.mark.slow
def test_gives_the_same_features_on_jax(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("jax", reason="the JAX backend is not installed")
    expected = DelfExtractor.load(folder).extract(photographs()[0]).descriptors
    found = extract_elsewhere(folder, tmp_path, "jax", ("tensorflow",))
    np.testing.assert_allclose(found, expected, atol=1e-3)
